// Runs once for the tab "Live webcam", after live-draw.js, live-socket.js, live.js and gif.js. `props.value` is [style,
// drawn or painted]; what is painted has another stage.
const SECONDS = 10;  // the longest clip
const GIF_SIDE = 360, GIF_RATE = 12.5;
const COLOURS = { paper: PAPER, green: "#00b140", transparent: "" };
const VIDEO = ["video/webm;codecs=vp8", "video/webm", "video/mp4"].find((type) => window.MediaRecorder && MediaRecorder.isTypeSupported(type));
const root = element.querySelector(".live");
const find = (name) => root.querySelector(name);
const canvas = find("canvas"), stage = find(".live-stage");
const look = { view: "over", background: PAPER, mirror: true };
const base = (window.gradio_config && window.gradio_config.root) || location.origin + location.pathname;

// ── edits ──

const edits = {};  // of people: id → {parameters, edited}
let own = null;  // what was edited here last: the largest face wears it after another start
let worn = null, wearer = null;  // what was edited before the start, and who wears it

const keptEdit = () => {
  try {
    const face = JSON.parse(sessionStorage.getItem("dtn-avatars")).faces.find((one) => one.edited.length);
    return face ? { parameters: face.parameters, edited: face.edited } : null;
  } catch (error) { return null; }
};

const follow = ({ faces }) => {
  if (!worn || wearer !== null || !faces.length) return;
  wearer = faces.reduce((a, b) => a.apart >= b.apart ? a : b).id;
  edits[wearer] ??= worn;
  live.options({ edits });
};

const edit = (id) => {
  const { avatar } = live.scene.people.get(id), { parameters, chosen, sure, likely, svg } = avatar;
  const { edited = [] } = edits[id] || {};
  const faces = [{ parameters, chosen: chosen || parameters, sure, likely, svg, edited }];
  find(".live-editor").hidden = false;
  window.dispatchEvent(new CustomEvent("avatar:edit", { detail: { id: "live-" + id, name: "live", faces, place: find(".live-editor") } }));
};

window.addEventListener("avatar:edited", ({ detail: { id, parameters, edited, quiet } }) => {
  if (quiet) return;
  if (!id.startsWith("live-")) return (own = null);
  own = edits[id.slice(5)] = { parameters, edited };
  live.options({ edits });
});

// ── the stage ──

const live = goLive({ canvas, base, look, options: { style: props.value[0], lock: false, edits }, onchange: show, onanswer: follow, onframe });
Object.assign(element, { live }).dataset.live = "";

function show() {
  const { running } = live;
  stage.dataset.state = running ? "running" : "idle";
  find(".live-note").textContent = live.note();
  find(".live-note").classList.toggle("wrong", live.wrong());
  for (const button of root.querySelectorAll('[data-do="toggle"]')) button.disabled = false;
  find('.live-row [data-do="toggle"]').textContent = running ? "Stop" : "Start";
  for (const name of ["still", "video", "gif"]) find(`[data-do="${name}"]`).disabled = !running || (recording && recording.name !== name);
  if (!running && recording) finish();
  if (!running) { find(".live-figures").textContent = ""; closeEditor(); list([]); }
}

const closeEditor = () => {
  const inside = find(".live-editor").contains(document.activeElement);
  if (!find(".live-editor").hidden) window.dispatchEvent(new CustomEvent("avatar:close"));
  find(".live-editor").hidden = true;
  if (inside) (find(".live-edits button") || find('.live-row [data-do="toggle"]')).focus();
};

const arrange = () => {
  stage.dataset.view = look.view;
  stage.classList.toggle("transparent", look.view === "alone" && !look.background);
  find(".live-backgrounds").hidden = look.view !== "alone";
  const name = Object.keys(COLOURS).find((one) => COLOURS[one] === look.background);
  const query = { style: props.value[0], background: name, mirror: Number(look.mirror) };
  if (!query.style) delete query.style;
  find(".live-obs a").href = new URL("live?" + new URLSearchParams(query), base.replace(/\/?$/, "/"));
};

const list = (faces) => {
  const ids = faces.filter((face) => face.avatar).sort((a, b) => a.order - b.order).map((face) => face.id), place = find(".live-edits");
  if (place.dataset.ids === String(ids)) return;
  place.dataset.ids = String(ids);
  place.replaceChildren(...ids.map((id, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: ids.length > 1 ? `Edit ${i + 1}` : "Edit" });
    button.addEventListener("click", () => edit(id));
    return button;
  }));
};

let told = 0;
function onframe(now) {
  if (recording) recording.frame(now);
  if (now - told < 500) return;
  told = now;
  if (live.ratio && !live.frozen) stage.style.setProperty("--ratio", live.ratio);
  list(live.faces);
  const { drawn, tracked, latency, server } = live.stats, whole = (value) => Math.round(value || 0);
  if (tracked) find(".live-figures").textContent = `${drawn} frames/s drawn · ${tracked} trackings/s · ${whole(latency)} ms from camera to screen · server ${server.toFixed(1)} ms`;
}

const cameras = async () => {
  const all = live.running ? await live.cameras() : [];
  find(".live-cameras").hidden = all.length < 2;
  find('[name="camera"]').replaceChildren(...all.map(({ deviceId, label }, i) => new Option(label || `Camera ${i + 1}`, deviceId, false, deviceId === live.camera())));
};

// ── stills and clips ──

const save = (blob, name) => {
  const url = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
};

let recording = null;  // {name, frame: called after every drawn frame, end}
const finish = () => {
  const { name, end } = recording;
  recording = null;
  live.frozen = false;
  find(".live-dot").hidden = true;
  find(`[data-do="${name}"]`).textContent = name === "gif" ? "Record GIF" : "Record video";
  end();
  show();
};

const record = (name) => {
  if (recording) return finish();
  const began = performance.now(), made = name === "gif" ? recordGif() : recordVideo();
  live.frozen = true;  // the size stays
  const frame = (now) => {
    const left = SECONDS - (now - began) / 1000;
    find(".live-dot").textContent = Math.ceil(left);
    if (left <= 0) finish(); else made.frame(now);
  };
  recording = { name, frame, end: made.end };
  find(".live-dot").hidden = false;
  find(`[data-do="${name}"]`).textContent = "Stop recording";
  show();
};

const recordVideo = () => {
  const stream = canvas.captureStream(30), recorder = new MediaRecorder(stream, { mimeType: VIDEO, videoBitsPerSecond: 5e6 }), parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = () => save(new Blob(parts, { type: VIDEO.split(";")[0] }), VIDEO.includes("webm") ? "avatar.webm" : "avatar.mp4");
  recorder.start();
  return { frame() {}, end() { recorder.stop(); stream.getTracks().forEach((track) => track.stop()); } };
};

const recordGif = () => {
  const scale = Math.min(1, GIF_SIDE / Math.max(canvas.width, canvas.height));
  const small = canvasOf(Math.round(canvas.width * scale), Math.round(canvas.height * scale));
  const pen = small.getContext("2d", { willReadFrequently: true });
  const gif = startGif(small.width, small.height, look.view === "alone" && !look.background);
  let next = performance.now();
  pen.imageSmoothingQuality = "high";
  return {
    frame(now) {
      if (now < next) return;
      next = Math.max(next + 1000 / GIF_RATE, now);
      pen.clearRect(0, 0, small.width, small.height);
      pen.drawImage(canvas, 0, 0, small.width, small.height);
      gif.add(pen.getImageData(0, 0, small.width, small.height).data, now);
    },
    end: () => save(gif.finish(performance.now()), "avatar.gif"),
  };
};

// ── what is pressed ──

const toggle = async () => {
  if (live.running) return live.stop();
  for (const button of root.querySelectorAll('[data-do="toggle"]')) button.disabled = true;
  for (const id of Object.keys(edits)) delete edits[id];
  [worn, wearer] = [own || keptEdit(), null];
  await live.start();
  if (!element.offsetParent) return live.stop();  // another tab was opened meanwhile
  show();
  cameras();
  if (live.running) root.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "nearest" });
};

const actions = {
  toggle,
  still: () => { live.redraw(); canvas.toBlob((blob) => save(blob, "avatar.png"), "image/png"); },
  video: () => record("video"),
  gif: () => record("gif"),
  done: closeEditor,
};

root.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button && actions[button.dataset.do] && !button.closest(".editor")) actions[button.dataset.do]();
});

find(".live-editor").addEventListener("keydown", (event) => { if (event.key === "Escape") closeEditor(); });

root.addEventListener("change", ({ target: { name, value, checked } }) => {
  if (name === "live-view") look.view = value;
  else if (name === "live-background") look.background = COLOURS[value];
  else if (name === "mirror") look.mirror = checked;
  else if (name === "lock") live.options({ lock: checked });
  else if (name === "camera") live.start(value).then(cameras);
  else return;
  arrange();
});

const leave = () => { if (!element.offsetParent) live.stop(); };
new ResizeObserver(leave).observe(element);  // fires when another tab is opened
if (navigator.mediaDevices) navigator.mediaDevices.addEventListener("devicechange", cameras);

const choose = () => {
  root.hidden = props.value[1] === "painted";
  if (root.hidden) live.stop();
  live.options({ style: props.value[0] });
  arrange();
};
watch("value", choose);
if (!VIDEO) find('[data-do="video"]').hidden = true;
choose();
