/** The mode Live webcam. Its value is [style, drawn or painted]; painted emoji have another stage. */

import { appAddress, create, downloadBlob, isHidden, scrollIntoView } from "./dom.js";
import { restore } from "./editor-state.js";
import { LiveAvatar } from "./live.js";
import { BACKGROUNDS, formatEdit, largestFace } from "./live-page.js";
import { recordGif, recordVideo, VIDEO_TYPE } from "./recorder.js";

/** Longest recording in seconds. */
const MAX_SECONDS = 10;

/** Milliseconds between updates of the figures below the stage. */
const FIGURES_INTERVAL = 500;

const ID_PREFIX = "live-";
const CAPTURES = ["still", "video", "gif"];
const RECORD_LABELS = { video: "Record video", gif: "Record GIF" };

/** @param {import("./dom.js").Component} component */
export function mount({ element, props, watch }) {
  const root = element.querySelector(".live");
  const find = (selector) => root.querySelector(selector);
  const canvas = find("canvas");
  const stage = find(".live-stage");
  const editorPlace = find(".live-editor");
  const look = { view: "over", background: BACKGROUNDS.paper, mirror: true };

  // Edits

  const edits = {};  // ID of a person → {parameters, edited}
  let latestEdit = null;
  let startEdit = null;  // the edit that the largest face gets after the start
  let wearer = null;  // ID of the person who got it

  const storedEdit = () => {
    const face = restore()?.faces.find(({ edited }) => edited.length);
    return face ? { parameters: face.parameters, edited: face.edited } : null;
  };

  const applyStartEdit = ({ faces }) => {
    if (!startEdit || wearer !== null || !faces.length) return;
    wearer = largestFace(faces).id;
    edits[wearer] ??= startEdit;
    live.setOptions({ edits });
  };

  const edit = (id) => {
    const { parameters, chosen, sure, likely, svg } = live.scene.people.get(id).avatar;
    const { edited = [] } = edits[id] || {};
    const faces = [{ parameters, chosen: chosen || parameters, sure, likely, svg, edited }];
    editorPlace.hidden = false;
    const detail = { id: ID_PREFIX + id, name: "live", faces, place: editorPlace };
    window.dispatchEvent(new CustomEvent("avatar:edit", { detail }));
  };

  const closeEditor = () => {
    const hadFocus = editorPlace.contains(document.activeElement);
    if (!editorPlace.hidden) window.dispatchEvent(new CustomEvent("avatar:close"));
    editorPlace.hidden = true;
    if (hadFocus) (find(".live-edits button") || find('.live-row [data-do="toggle"]')).focus();
  };

  window.addEventListener("avatar:edited", ({ detail: { id, parameters, edited, quiet } }) => {
    if (quiet) return;
    latestEdit = null;
    if (!id.startsWith(ID_PREFIX)) return;
    latestEdit = { parameters, edited };
    edits[id.slice(ID_PREFIX.length)] = latestEdit;
    live.setOptions({ edits });
    applyLook();
  });

  // The stage

  let recording = null;  // {name, startedAt, recorder}
  let lastFigures = 0;

  const show = () => {
    const { running } = live;
    stage.dataset.state = running ? "running" : "idle";
    find(".live-note").textContent = live.note;
    find(".live-note").classList.toggle("wrong", live.isWrong);
    for (const button of root.querySelectorAll('[data-do="toggle"]')) button.disabled = false;
    find('.live-row [data-do="toggle"]').textContent = running ? "Stop" : "Start";
    for (const name of CAPTURES) {
      find(`[data-do="${name}"]`).disabled = !running || (recording && recording.name !== name);
    }
    if (running) return;
    if (recording) finishRecording();
    find(".live-figures").textContent = "";
    closeEditor();
    showEditButtons([]);
  };

  const showEditButtons = (faces) => {
    const place = find(".live-edits");
    const drawn = faces.filter(({ avatar }) => avatar).sort((a, b) => a.order - b.order);
    const ids = drawn.map(({ id }) => id);
    if (place.dataset.ids === String(ids)) return;
    const focused = [...place.children].indexOf(document.activeElement);
    place.dataset.ids = String(ids);
    place.replaceChildren(...ids.map((id, i) => {
      const button = create("button", { type: "button", textContent: ids.length > 1 ? `Edit ${i + 1}` : "Edit" });
      button.addEventListener("click", () => edit(id));
      return button;
    }));
    place.children[focused]?.focus();
  };

  const showFigures = () => {
    const { drawn, tracked, latency, server } = live.stats;
    if (!tracked) return;
    find(".live-figures").textContent = [
      `${Math.round(drawn)} frames/s drawn`,
      `${Math.round(tracked)} tracking updates/s`,
      `${Math.round(latency)} ms from camera to screen`,
      `server ${server.toFixed(1)} ms`,
    ].join(" · ");
  };

  const afterFrame = (now) => {
    if (recording) updateRecording(now);
    if (now - lastFigures < FIGURES_INTERVAL) return;
    lastFigures = now;
    if (live.ratio && !live.frozen) stage.style.setProperty("--ratio", live.ratio);
    showEditButtons(live.faces);
    showFigures();
  };

  const live = new LiveAvatar({
    canvas,
    base: appAddress(),
    look,
    options: { style: props.value[0], lock: false, edits },
    onchange: () => show(),
    onanswer: applyStartEdit,
    onframe: afterFrame,
  });
  element.live = live;
  element.dataset.live = "";

  const applyLook = () => {
    stage.dataset.view = look.view;
    stage.classList.toggle("transparent", look.view === "alone" && !look.background);
    find(".live-backgrounds").hidden = look.view !== "alone";
    const background = Object.keys(BACKGROUNDS).find((name) => BACKGROUNDS[name] === look.background);
    const query = new URLSearchParams({ background, mirror: Number(look.mirror) });
    if (props.value[0]) query.set("style", props.value[0]);
    const page = new URL(`live?${query}`, appAddress());
    if (latestEdit) page.hash = formatEdit(latestEdit);  // a hash is never sent, so that no log has it
    find(".live-obs a").href = page;
  };

  const listCameras = async () => {
    const cameras = live.running ? await live.cameras() : [];
    find(".live-cameras").hidden = cameras.length < 2;
    find('[name="camera"]').replaceChildren(...cameras.map(({ deviceId, label }, i) => (
      new Option(label || `Camera ${i + 1}`, deviceId, false, deviceId === live.camera)
    )));
  };

  // Stills and recordings

  const saveStill = () => {
    live.redraw();
    canvas.toBlob((blob) => downloadBlob(blob, "avatar.png"), "image/png");
  };

  const toggleRecording = (name) => {
    if (recording) {
      finishRecording();
      return;
    }
    const isTransparent = look.view === "alone" && !look.background;
    const recorder = name === "gif" ? recordGif(canvas, isTransparent) : recordVideo(canvas);
    recording = { name, recorder, startedAt: performance.now() };
    live.frozen = true;
    find(".live-dot").hidden = false;
    find(`[data-do="${name}"]`).textContent = "Stop recording";
    show();
  };

  const updateRecording = (now) => {
    const secondsLeft = MAX_SECONDS - (now - recording.startedAt) / 1000;
    find(".live-dot").textContent = Math.ceil(secondsLeft);
    if (secondsLeft <= 0) finishRecording();
    else recording.recorder.addFrame(now);
  };

  const finishRecording = () => {
    const { name, recorder } = recording;
    recording = null;
    live.frozen = false;
    find(".live-dot").hidden = true;
    find(`[data-do="${name}"]`).textContent = RECORD_LABELS[name];
    recorder.save();
    show();
  };

  // Controls

  const toggle = async () => {
    if (live.running) {
      live.stop();
      return;
    }
    for (const button of root.querySelectorAll('[data-do="toggle"]')) button.disabled = true;
    for (const id of Object.keys(edits)) delete edits[id];
    startEdit = latestEdit || storedEdit();
    wearer = null;
    await live.start();
    if (isHidden(element)) {  // another tab was opened meanwhile
      live.stop();
      return;
    }
    show();
    listCameras();
    if (live.running) scrollIntoView(root, "nearest");
  };

  const actions = {
    toggle,
    still: saveStill,
    video: () => toggleRecording("video"),
    gif: () => toggleRecording("gif"),
    done: closeEditor,
  };

  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button && !button.closest(".editor")) actions[button.dataset.do]?.();
  });

  editorPlace.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeEditor();
  });

  root.addEventListener("change", ({ target: { name, value, checked } }) => {
    const changes = {
      "live-view": () => { look.view = value; },
      "live-background": () => { look.background = BACKGROUNDS[value]; },
      mirror: () => { look.mirror = checked; },
      lock: () => live.setOptions({ lock: checked }),
      camera: () => live.start(value).then(listCameras),
    };
    if (!changes[name]) return;
    changes[name]();
    applyLook();
  });

  new ResizeObserver(() => {  // fires when another tab is opened
    if (isHidden(element)) live.stop();
  }).observe(element);
  navigator.mediaDevices?.addEventListener("devicechange", listCameras);

  const applyValue = () => {
    const [style, kind] = props.value;
    root.hidden = kind === "painted";
    if (root.hidden) live.stop();
    live.setOptions({ style });
    applyLook();
  };
  watch("value", applyValue);
  if (!VIDEO_TYPE) find('[data-do="video"]').hidden = true;
  applyValue();
}
