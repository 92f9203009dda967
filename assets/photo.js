// Runs once for the photo input, after files.js: the webcam, the examples, and what can be done to a photo.
const MAX_CANVAS = 16e6;  // pixels; phones hold no larger canvas
let stream = null;
let turn = 0;  // of what is asked for, the last counts

const look = (name) => {
  for (const part of ["prompt", "preview", "video"]) find(part).hidden = part !== name;
  find("snap").hidden = name !== "video";
  find("webcam").hidden = name === "video";
  find("rotate").hidden = name !== "preview";
};

const stop = (opened) => opened.getTracks().forEach((track) => track.stop());

const stopCamera = () => {
  turn++;
  if (stream) stop(stream);
  stream = null;
};

const send = (url) => {
  stopCamera();
  note("");
  find("preview").src = url;
  look("preview");
  submit(url);
};

const submit = (url) => {
  find("clear").hidden = !url;
  props.value = url;
  trigger("submit");
};

const clear = () => {
  stopCamera();
  note("");
  look("prompt");
  find("preview").removeAttribute("src");
  submit(null);
};

const rotate = async () => {
  const shown = find("preview"), mine = turn;
  try { await shown.decode(); } catch (error) { return; }  // no picture, or already another
  if (mine !== turn) return;
  const { naturalWidth: width, naturalHeight: height } = shown;  // as the photo's EXIF turns it
  const scale = Math.min(1, Math.sqrt(MAX_CANVAS / (width * height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(height * scale);
  canvas.height = Math.round(width * scale);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";  // what is transparent would be black as JPEG
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.translate(canvas.width, 0);
  pen.rotate(Math.PI / 2);
  pen.drawImage(shown, 0, 0, canvas.height, canvas.width);
  send(canvas.toDataURL("image/jpeg", 0.95));
};

const take = ([file]) => read(file);

const startCamera = async () => {
  stopCamera();
  note("");
  const mine = turn;
  try {
    const opened = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720, facingMode: "user" } });
    if (mine !== turn || !element.offsetParent) return stop(opened);  // another photo or tab was chosen meanwhile
    stream = opened;
    find("video").srcObject = stream;
    await find("video").play();
    look("video");
  } catch (error) {
    if (mine !== turn) return;
    stopCamera();
    note(navigator.mediaDevices
      ? "The webcam is not available: " + error.message + "."
      : "Browsers allow the webcam only on https:// or localhost.");
  }
};

const snap = () => {
  const video = find("video");
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const pen = canvas.getContext("2d");
  pen.scale(-1, 1);  // as the preview shows it
  pen.drawImage(video, -canvas.width, 0);
  send(canvas.toDataURL("image/jpeg", 0.95));
};

new ResizeObserver(() => {  // fires when another tab is opened
  if (!stream || element.offsetParent) return;
  stopCamera();
  look("prompt");
}).observe(element);

find("preview").addEventListener("error", () => look("prompt"));

element.addEventListener("click", (event) => {
  const example = event.target.closest(".photo-example");
  if (example) send(example.querySelector("img").src);
  else if (event.target.closest(".photo-webcam")) startCamera();
  else if (event.target.closest(".photo-snap")) snap();
  else if (event.target.closest(".photo-rotate")) rotate();
  else if (event.target.closest(".photo-clear")) clear();
  else if (event.target.closest(".photo-choose") || (event.target.closest(".photo-stage") && !stream)) find("file").click();
});

element.addEventListener("keydown", (event) => {
  if (event.target === find("stage") && !stream && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    find("file").click();
  }
});
