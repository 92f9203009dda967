/** Records a canvas, as video or as animated GIF. */

import { createCanvas, downloadBlob } from "./dom.js";
import { GifEncoder } from "./gif.js";

const VIDEO_TYPES = ["video/webm;codecs=vp8", "video/webm", "video/mp4"];
const VIDEO_FRAME_RATE = 30;
const VIDEO_BITS_PER_SECOND = 5e6;
const GIF_SIDE = 360;
const GIF_FRAME_RATE = 12.5;

/**
 * A recording.
 *
 * @typedef {object} Recording
 * @property {(now: number) => void} addFrame is called after every drawn frame
 * @property {() => void} save ends it and saves the file
 */

/** The video type that this browser can record; undefined if there is none. */
export const VIDEO_TYPE = VIDEO_TYPES.find((type) => globalThis.MediaRecorder?.isTypeSupported(type));

/** @param {HTMLCanvasElement} canvas @returns {Recording} */
export function recordVideo(canvas) {
  const stream = canvas.captureStream(VIDEO_FRAME_RATE);
  const recorder = new MediaRecorder(stream, { mimeType: VIDEO_TYPE, videoBitsPerSecond: VIDEO_BITS_PER_SECOND });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.onstop = () => {
    const name = VIDEO_TYPE.includes("webm") ? "avatar.webm" : "avatar.mp4";
    downloadBlob(new Blob(parts, { type: VIDEO_TYPE.split(";")[0] }), name);
  };
  recorder.start();
  const save = () => {
    recorder.stop();
    stream.getTracks().forEach((track) => track.stop());
  };
  return { addFrame: () => {}, save };
}

/** @param {HTMLCanvasElement} canvas @param {boolean} transparent @returns {Recording} */
export function recordGif(canvas, transparent) {
  const scale = Math.min(1, GIF_SIDE / Math.max(canvas.width, canvas.height));
  const width = Math.round(canvas.width * scale);
  const height = Math.round(canvas.height * scale);
  const context = createCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  const gif = new GifEncoder(width, height, transparent);
  let nextFrame = performance.now();
  const addFrame = (now) => {
    if (now < nextFrame) return;
    nextFrame = Math.max(nextFrame + 1000 / GIF_FRAME_RATE, now);
    context.clearRect(0, 0, width, height);
    context.drawImage(canvas, 0, 0, width, height);
    gif.add(context.getImageData(0, 0, width, height).data, now);
  };
  const save = () => downloadBlob(gif.finish(performance.now()), "avatar.gif");
  return { addFrame, save };
}
