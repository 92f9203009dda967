/** The photo input: files, the webcam and the examples, and what can be done with a photo. */

import { createCanvas, isHidden } from "./dom.js";
import { preparePhoto } from "./photo-file.js";
import { createFileInput } from "./picture-input.js";

/** Larger photos are scaled down before they are sent. */
const LIMITS = { maxBytes: 12e6, maxSide: 4096 };

/** Maximum number of pixels of a rotated photo: phones hold no larger canvas. */
const MAX_CANVAS_PIXELS = 16e6;

const JPEG_QUALITY = 0.95;
const CAMERA = { video: { width: 1280, height: 720, facingMode: "user" } };

const stopTracks = (stream) => stream.getTracks().forEach((track) => track.stop());

/**
 * @param {import("./dom.js").Component} component its value is the data URL of a photo, or null
 * @param {{maxBytes: number}} options
 */
export function mount({ element, props, trigger }, { maxBytes }) {
  const input = createFileInput(element, { maxBytes, take: ([file]) => open(file) });
  const { find, note } = input;
  let stream = null;
  let request = 0;  // only the latest request counts

  const open = async (file) => {
    if (file.size <= LIMITS.maxBytes) {
      send(await input.read(file));
      return;
    }
    request += 1;
    const mine = request;
    note("Scaling the photo down …");
    const { photo } = await preparePhoto(file, LIMITS);
    if (mine !== request) return;
    send(file.size > maxBytes && !photo.startsWith("data:image/jpeg") ? await input.read(file) : photo);
  };

  const showPart = (name) => {
    for (const part of ["prompt", "preview", "video"]) find(part).hidden = part !== name;
    find("snap").hidden = name !== "video";
    find("webcam").hidden = name !== "prompt";
    find("rotate").hidden = name !== "preview";
    find("choose").textContent = name === "preview" ? "New photo" : "Choose photo";
    find("home").dataset.state = name;
  };

  const stopCamera = () => {
    request += 1;
    if (stream) stopTracks(stream);
    stream = null;
  };

  const submit = (url) => {
    find("clear").hidden = !url;
    props.value = url;
    trigger("submit");
  };

  const send = (url) => {
    if (!url) return;
    stopCamera();
    note("");
    find("preview").src = url;
    showPart("preview");
    submit(url);
  };

  const clear = () => {
    stopCamera();
    note("");
    showPart("prompt");
    find("preview").removeAttribute("src");
    submit(null);
  };

  const rotate = async () => {
    const preview = find("preview");
    const mine = request;
    try {
      await preview.decode();
    } catch {  // not a picture, or replaced by another one
      return;
    }
    if (mine !== request) return;
    const { naturalWidth: width, naturalHeight: height } = preview;  // EXIF orientation is already applied
    const scale = Math.min(1, Math.sqrt(MAX_CANVAS_PIXELS / (width * height)));
    const canvas = createCanvas(Math.round(height * scale), Math.round(width * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";  // transparent pixels would become black as JPEG
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.translate(canvas.width, 0);
    context.rotate(Math.PI / 2);
    context.drawImage(preview, 0, 0, canvas.height, canvas.width);
    send(canvas.toDataURL("image/jpeg", JPEG_QUALITY));
  };

  const startCamera = async () => {
    stopCamera();
    note("");
    const mine = request;
    try {
      const opened = await navigator.mediaDevices.getUserMedia(CAMERA);
      if (mine !== request || isHidden(element)) {  // another photo or tab was chosen meanwhile
        stopTracks(opened);
        return;
      }
      stream = opened;
      find("video").srcObject = stream;
      await find("video").play();
      showPart("video");
    } catch (error) {
      if (mine !== request) return;
      stopCamera();
      note(navigator.mediaDevices
        ? `The webcam is not available: ${error.message}.`
        : "Browsers allow the webcam only on https:// or localhost.");
    }
  };

  const takePicture = () => {
    const video = find("video");
    const canvas = createCanvas(video.videoWidth, video.videoHeight);
    const context = canvas.getContext("2d");
    context.scale(-1, 1);  // mirrored, as in the preview
    context.drawImage(video, -canvas.width, 0);
    send(canvas.toDataURL("image/jpeg", JPEG_QUALITY));
  };

  new ResizeObserver(() => {  // fires when another tab is opened
    if (!stream || !isHidden(element)) return;
    stopCamera();
    showPart("prompt");
  }).observe(element);

  find("preview").addEventListener("error", () => showPart("prompt"));

  const pauseDemo = () => {
    const button = find("pause");
    const isPaused = button.parentNode.classList.toggle("paused");
    button.setAttribute("aria-label", isPaused ? "Play the animation" : "Pause the animation");
  };

  const actions = { webcam: startCamera, snap: takePicture, rotate, clear, pause: pauseDemo };
  element.addEventListener("click", ({ target }) => {
    const example = target.closest(".photo-example");
    if (example) {
      send(example.dataset.picture);
      return;
    }
    const pressed = Object.keys(actions).find((name) => target.closest(`.photo-${name}`));
    if (pressed) actions[pressed]();
    else if (target.closest(".photo-choose") || (target.closest(".photo-stage") && !stream)) find("file").click();
  });

  element.addEventListener("keydown", (event) => {
    if (event.target !== find("stage") || stream || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    find("file").click();
  });
}
