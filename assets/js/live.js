/** A live avatar: frames go from the camera to the server, motion comes back and is drawn at the display's rate. */

import { createCanvas } from "./dom.js";
import { JpegEncoder } from "./jpeg-encoder.js";
import { LiveConnection } from "./live-connection.js";
import { clamp } from "./motion.js";
import { Scene } from "./scene.js";

/** Number of camera frames kept: the picture is shown as late as the motion, so that avatars stay on their faces. */
const MAX_FRAMES = 14;

const CAMERA = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
const MAX_FRAME_SIDE = 640;
const MAX_CANVAS_SIDE = 1920;

/** Motion glides to its newest state over one tracking interval, which is kept within these milliseconds. */
const GLIDE_RANGE = [25, 200];

/** Mean of 255 below which the picture counts as black; its size for that, and milliseconds between checks. */
const DARK = 9;
const DARK_CHECK_SIZE = [16, 12];
const DARK_CHECK_INTERVAL = 700;

const NO_FACE_DELAY = 800;
const RESEND_INTERVAL = 3000;
const STATISTICS_TIME = 1000;

/** Milliseconds by which the shown frame may be ahead of the motion. */
const FRAME_TOLERANCE = 8;

const CAMERA_ERRORS = {
  NotAllowedError: "Camera access was denied. Allow it in the address bar, then start again.",
  SecurityError: "This page may not use the camera: open it via https:// or localhost.",
  NotFoundError: "No camera found. Connect one, then start again.",
  OverconstrainedError: "This camera is no longer available. Choose another one, then start again.",
  NotReadableError: "The camera is busy: close the other program that uses it, then start again.",
  AbortError: "The camera did not start. Try again.",
};
const NO_CAMERAS = "Browsers allow the webcam only on https:// or localhost.";
const DISCONNECTED = "The camera was disconnected. Reconnect it, then start again.";
const BLACK_PICTURE = "Black picture: is the lens covered?";
const NO_FACE = "No face in view.";

export function median(values) {
  if (!values.length) return 0;
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

const stopTracks = (stream) => stream?.getTracks().forEach((track) => track.stop());

/** Values of the last second. */
class RecentValues {
  constructor() {
    this.entries = [];
  }

  add(now, value = 1) {
    this.entries.push([now, value]);
  }

  get(now) {
    while (this.entries.length && this.entries[0][0] < now - STATISTICS_TIME) this.entries.shift();
    return this.entries.map(([, value]) => value);
  }
}

export class LiveAvatar {
  /**
   * @param {object} settings
   * @param {HTMLCanvasElement} settings.canvas
   * @param {string} settings.base address of the app
   * @param {import("./scene.js").Look} settings.look what is shown; may be changed at any time
   * @param {object} settings.options for the server, see dtn_core/pipeline/live/protocol.py
   * @param {() => void} [settings.onchange] is called when it starts or stops, or its note changes
   * @param {(answer: object) => void} [settings.onanswer]
   * @param {(now: number) => void} [settings.onframe] is called after every drawn frame
   */
  constructor({ canvas, base, look, options, onchange = () => {}, onanswer = () => {}, onframe = () => {} }) {
    this.canvas = canvas;
    this.base = base;
    this.look = look;
    this.options = options;
    this.onchange = onchange;
    this.onanswer = onanswer;
    this.onframe = onframe;
    this.scene = new Scene(canvas);
    this.running = false;
    this.frozen = false;  // whether the size of the canvas is kept
    this.faces = [];  // as drawn last
    this.stats = {};
    this.notes = { camera: "", link: "", server: "", hint: "" };
    this.video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
    this.encoder = new JpegEncoder();
    this.probe = createCanvas(...DARK_CHECK_SIZE).getContext("2d", { willReadFrequently: true });
    this.request = 0;  // of the camera: only the latest counts
    this.frameNumber = 0;
    this.stream = null;
    window.addEventListener("pagehide", () => this.stop());
    this.#reset();
  }

  /** The most important note; "" if there is none. */
  get note() {
    return this.notes.camera || this.notes.server || this.notes.link || this.notes.hint;
  }

  /** Whether the note is an error. */
  get isWrong() {
    return Boolean(this.notes.camera || this.notes.server);
  }

  /** ID of the camera in use. */
  get camera() {
    return this.stream?.getVideoTracks()[0].getSettings().deviceId;
  }

  async cameras() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter(({ kind }) => kind === "videoinput");
  }

  setOptions(options) {
    Object.assign(this.options, options);
    this.connection?.setOptions(options);
  }

  /** Start, or change to another camera. @param {string} [deviceId] */
  async start(deviceId) {
    this.request += 1;
    const mine = this.request;
    const stream = await this.#openCamera(deviceId, mine);
    if (!stream) return;
    if (mine !== this.request) {
      stopTracks(stream);
      return;
    }
    stopTracks(this.stream);
    this.stream = stream;
    stream.elsewhere = true;  // not in a video of the page, see page.js
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      if (stream !== this.stream) return;
      this.#release();
      this.#setNote("camera", DISCONNECTED);
    });
    this.video.srcObject = stream;
    await this.video.play().catch(() => {});
    if (mine !== this.request) return;
    for (const kind of Object.keys(this.notes)) this.notes[kind] = "";
    if (!this.running) this.#begin();
    this.onchange();
  }

  stop() {
    this.request += 1;
    this.notes.camera = "";
    this.#release();
  }

  redraw() {
    this.#paint(performance.now());
  }

  // Start and end

  async #openCamera(deviceId, mine) {
    const device = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    try {
      if (!navigator.mediaDevices) throw new Error();
      return await navigator.mediaDevices.getUserMedia({ video: { ...CAMERA, ...device } });
    } catch (error) {
      if (mine !== this.request) return null;
      this.#release();
      const reason = CAMERA_ERRORS[error.name] || `The camera did not start: ${error.message}`;
      this.#setNote("camera", navigator.mediaDevices ? reason : NO_CAMERAS);
      return null;
    }
  }

  #begin() {
    this.running = true;
    this.lastFace = performance.now();
    this.lastDarkCheck = this.lastFace;
    this.connection = new LiveConnection({
      base: this.base,
      onanswer: (answer) => this.#handleAnswer(answer),
      onsession: () => { this.isNewSession = true; },
      onnote: (text) => this.#setNote("link", text),
    });
    this.connection.setOptions(this.options);
    this.animation = requestAnimationFrame((now) => this.#animate(now));
    this.#watchCamera();
  }

  #reset() {
    this.connection = null;
    this.inFlight = null;  // {number, at} of the frame that the server has
    this.isEncoding = false;
    this.isNewSession = true;
    this.frames = [];  // {canvas, at}, the newest last
    this.moment = null;  // {from, to, since, glide}: the times of the camera that the shown motion refers to
    this.interval = 33;  // between answers, in milliseconds
    this.lastAnswer = 0;
    this.lastResend = 0;
    this.isBlack = false;
    this.lastVideoTime = -1;
    this.recent = {
      drawn: new RecentValues(), answers: new RecentValues(), latency: new RecentValues(), server: new RecentValues(),
    };
  }

  #release() {
    stopTracks(this.stream);
    this.stream = null;
    this.video.srcObject = null;
    this.connection?.close();
    cancelAnimationFrame(this.animation);
    this.video.cancelVideoFrameCallback?.(this.videoCallback);
    this.running = false;
    this.faces = [];
    this.stats = {};
    for (const kind of ["link", "server", "hint"]) this.notes[kind] = "";
    this.#reset();
    this.scene.clear();
    this.onchange();
  }

  #setNote(kind, text) {
    if (this.notes[kind] === text) return;
    this.notes[kind] = text;
    this.onchange();
  }

  // From the camera to the server

  #watchCamera() {
    if (!this.running || !this.video.requestVideoFrameCallback) return;
    this.videoCallback = this.video.requestVideoFrameCallback((now, { captureTime }) => {
      this.#grab(captureTime || now);
      this.#watchCamera();
    });
  }

  /** Look for a new frame where the browser does not report them. */
  #pollCamera(now) {
    if (this.video.requestVideoFrameCallback || this.video.currentTime === this.lastVideoTime) return;
    this.lastVideoTime = this.video.currentTime;
    this.#grab(now);
  }

  /** Keep the current frame of the camera, and send it if the connection is free. */
  #grab(at) {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth || !videoHeight || !this.running) return;
    const scale = Math.min(1, MAX_FRAME_SIDE / Math.max(videoWidth, videoHeight));
    const width = Math.round(videoWidth * scale);
    const height = Math.round(videoHeight * scale);
    const frame = this.frames.length < MAX_FRAMES ? { canvas: createCanvas(1, 1) } : this.frames.shift();
    resize(frame.canvas, width, height);
    frame.canvas.getContext("2d").drawImage(this.video, 0, 0, width, height);
    frame.at = at;
    this.frames.push(frame);
    if (this.connection.isFree() && !this.isEncoding) this.#send(frame);
  }

  async #send({ canvas, at }) {
    const { connection } = this;
    this.isEncoding = true;
    const message = await this.encoder.encode(canvas).catch(() => null);
    this.isEncoding = false;
    if (!message || connection !== this.connection || !connection.isFree()) return;
    this.frameNumber += 1;
    new DataView(message).setUint32(0, this.frameNumber >>> 0, true);
    this.inFlight = { number: this.frameNumber, at };
    connection.send(message);
  }

  // From the server to the page

  #handleAnswer(answer) {
    const now = performance.now();
    this.#setNote("server", answer.error || "");
    if (answer.error || !answer.faces) return;
    if (this.lastAnswer) this.interval = 0.8 * this.interval + 0.2 * clamp(now - this.lastAnswer, 5, 400);
    this.lastAnswer = now;
    const glide = clamp(this.interval, ...GLIDE_RANGE);
    if (this.isNewSession) this.scene.keepOnly(answer.faces.map(({ id }) => id));
    this.isNewSession = false;
    this.scene.update(answer, now, glide);
    this.#requestMissingAvatars(now);
    this.frameWidth = answer.width;
    if (answer.faces.length) this.lastFace = now;
    if (this.inFlight?.number === answer.n) {
      const { at } = this.inFlight;
      this.moment = { from: this.moment ? this.#shownMoment(now) : at, to: at, since: now, glide };
      this.recent.latency.add(now, now - at + glide);
    }
    this.recent.answers.add(now);
    this.recent.server.add(now, answer.ms);
    this.#showHint(answer.note || "", now);
    this.onanswer(answer);
  }

  #requestMissingAvatars(now) {
    if (now - this.lastResend < RESEND_INTERVAL || !this.scene.isMissingAvatars(now)) return;
    this.lastResend = now;
    this.connection.setOptions({ resend: true }, true);
  }

  #shownMoment(now) {
    const { from, to, since, glide } = this.moment;
    return from + (to - from) * clamp((now - since) / glide, 0, 1);
  }

  #showHint(note, now) {
    if (now - this.lastDarkCheck > DARK_CHECK_INTERVAL && this.frames.length) {
      this.lastDarkCheck = now;
      this.isBlack = this.#brightness(this.frames.at(-1).canvas) < DARK;
    }
    let hint = note;
    if (!hint && now - this.lastFace > NO_FACE_DELAY) hint = NO_FACE;
    if (this.isBlack) hint = BLACK_PICTURE;
    this.#setNote("hint", hint);
  }

  /** Mean of all channels, 0 to 255. */
  #brightness(canvas) {
    const [width, height] = DARK_CHECK_SIZE;
    this.probe.drawImage(canvas, 0, 0, width, height);
    const { data } = this.probe.getImageData(0, 0, width, height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
    return sum / (width * height * 3);
  }

  // On the display

  #animate(now) {
    if (!this.running) return;
    this.animation = requestAnimationFrame((next) => this.#animate(next));
    this.#pollCamera(now);
    this.#paint(performance.now());
    this.onframe(now);
    this.recent.drawn.add(now);
    this.stats = {
      drawn: this.recent.drawn.get(now).length,
      tracked: this.recent.answers.get(now).length,
      latency: median(this.recent.latency.get(now)),
      server: median(this.recent.server.get(now)),
      way: this.connection.transport,
    };
  }

  #paint(now) {
    if (!this.frozen) this.#fitCanvas();
    const isCurrent = this.moment && now - this.lastAnswer < STATISTICS_TIME;
    const until = isCurrent ? this.#shownMoment(now) + FRAME_TOLERANCE : Infinity;
    const frame = this.frames.findLast(({ at }) => at <= until) || this.frames[0];
    let picture = null;
    if (frame) {
      const { width, height } = frame.canvas;
      picture = { image: frame.canvas, width, height };
      this.ratio = width / height;
    }
    const people = this.scene.draw(this.look, picture, this.frameWidth || MAX_FRAME_SIDE, now);
    this.faces = people.map(({ id, drawn, face, avatar }) => ({ id, ...drawn, face, avatar }));
  }

  #fitCanvas() {
    const { clientWidth, clientHeight } = this.canvas;
    const ratio = Math.min(devicePixelRatio || 1, MAX_CANVAS_SIDE / Math.max(1, clientWidth, clientHeight));
    const width = Math.max(1, Math.round(clientWidth * ratio));
    const height = Math.max(1, Math.round(clientHeight * ratio));
    resize(this.canvas, width, height);
  }
}

/** Setting the size of a canvas clears it, so this is only done when it changes. */
function resize(canvas, width, height) {
  if (canvas.width === width && canvas.height === height) return;
  canvas.width = width;
  canvas.height = height;
}
