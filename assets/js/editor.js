/**
 * The editor of drawn avatars. It edits those of a photo, or those that another mode sends by the event avatar:edit.
 *
 * Its value: JSON of a new subject from Python, see `payload` in dtn_core/ui/tabs/editor.py; after an edit, JSON of
 * {mine: true, id, faces}. Every change is announced by the event avatar:edited.
 */

import { create, download, isHidden, scrollIntoView, svgUrl } from "./dom.js";
import { blobOf, EditorApi } from "./editor-api.js";
import { copy, EditorState, equal, restore, store } from "./editor-state.js";
import {
  createConfidences, createPage, createTabs, describeProbability, firstPage, pagesOf, showCurrentPreview,
} from "./editor-view.js";

/** Milliseconds after an edit before the photo's other views are redrawn. */
const SUBMIT_DELAY = 600;

const MAX_FILE_SIZE = 100000;
const STICKER_SIZE = 512;
const ARROWS = { ArrowRight: 1, ArrowLeft: -1 };

/** @param {import("./dom.js").Component} component */
export function mount({ element, props, trigger, watch, server }) {
  const find = (selector) => element.querySelector(selector);
  const section = find(".editor");
  const panel = find(".editor-panel");
  const tabs = find(".editor-tabs");
  const home = element.parentNode;
  const editor = new EditorState();
  const api = new EditorApi(server, (message) => say(message, true));
  let info = null;  // description of the style
  let openPage = "";
  let seed = 0;
  let restored = false;
  let suspended = null;  // {subject} while another mode uses the editor in a place of its own
  let submitTimer = null;

  const say = (text, isError = false) => {
    const [inside, below] = element.querySelectorAll(".editor-status");
    inside.textContent = section.hidden ? "" : text;
    below.textContent = section.hidden ? text : "";
    for (const status of [inside, below]) status.classList.toggle("wrong", isError);
  };

  // Rendering

  const show = () => {
    if (!editor.subject) return;
    const { face } = editor;
    const focused = document.activeElement;
    const isOriginalStyle = face.parameters.style === face.chosen.style;
    find(".editor-avatar").src = svgUrl(face.svg);
    find(".editor-avatar").alt = `Avatar of face ${editor.subject.face + 1}, drawn`;
    find('[data-do="undo"]').disabled = !face.undo.length;
    find('[data-do="redo"]').disabled = !face.redo.length;
    find('[data-do="reset"]').disabled = equal(face.parameters, face.chosen);
    find('[data-do="more"]').hidden = !Object.keys(face.likely || {}).length || !isOriginalStyle;
    find('[data-do="zip"]').hidden = editor.subject.faces.length < 2;
    if (focused.disabled) find(".editor-actions button:not(:disabled)").focus();  // a disabled button loses the focus
    const confidences = createConfidences(face.sure || {});
    find(".editor-sure").hidden = !confidences.length;
    find(".chosen").replaceChildren(...confidences);
  };

  const render = () => {
    if (!editor.subject || !info) return;
    const pages = pagesOf(info);
    const page = pages.find(({ id }) => id === openPage) ?? firstPage(pages);
    openPage = page.id;
    tabs.replaceChildren(...createTabs(pages, openPage));
    panel.setAttribute("aria-labelledby", `editor-tab-${openPage}`);
    const style = info.name;
    panel.replaceChildren(...createPage(page, editor.face, info, (slot) => api.preview(style, slot)));
    showCurrentPreview(panel);
    find(".credit").textContent = `Style: ${info.title} by ${info.artist}, ${info.terms}, drawn by DiceBear`;
  };

  /** Load the description of the current style, which may change meanwhile. */
  const describe = async () => {
    const { style } = editor.face.parameters;
    const answer = await api.describe(style);
    if (answer && editor.subject && editor.face.parameters.style === style) info = answer;
  };

  const renderAll = async () => {
    await describe();
    render();
    show();
  };

  // Changes

  /**
   * Announce an avatar: to the page's storage, to other modes, and, unless quiet, to the photo's other views.
   *
   * @param {number} index of its face
   */
  const publish = (index, quiet = false) => {
    const { id, faces } = editor.subject;
    store(editor.saved());
    const edits = faces.map(({ parameters, edited, box }) => ({ parameters, edited, box }));
    props.value = JSON.stringify({ mine: true, id, faces: edits });
    const { parameters, svg, edited } = faces[index];
    const detail = { id, face: index, parameters, svg, edited, quiet };
    window.dispatchEvent(new CustomEvent("avatar:edited", { detail }));
    if (id !== "photo" || restored || quiet) return;
    const thumbnail = document.querySelector(`#steps [data-pick="${index + 1}"] img`);
    if (thumbnail) thumbnail.src = svgUrl(svg);
    clearTimeout(submitTimer);
    submitTimer = setTimeout(() => trigger("submit"), SUBMIT_DELAY);
  };

  let isDrawing = false;
  let redrawAgain = false;

  /** Redraw the current avatar. One request is in flight; changes made meanwhile are drawn by the next one. */
  const redraw = async () => {
    if (isDrawing) {
      redrawAgain = true;
      return;
    }
    const { subject } = editor;
    const index = subject.face;
    isDrawing = true;
    const answer = await api.call("draw", { parameters: copy(editor.face.parameters) });
    isDrawing = false;
    if (answer.svg && subject === editor.subject) {
      subject.faces[index].svg = answer.svg;
      publish(index);
      show();
    }
    if (redrawAgain) {
      redrawAgain = false;
      redraw();
    }
  };

  const change = (name, value, label) => {
    if (!editor.change(name, value, performance.now())) return;
    say(label || "");
    redraw();
  };

  const replace = (parameters, edited, label) => {
    editor.replace(parameters, edited);
    say(label);
    redraw();
    describe().then(render);
  };

  const step = (name, label) => {
    if (!editor[name]()) return;
    say(label);
    redraw();
    describe().then(render);
  };

  /** Draw a new avatar of a picture, or apply the edits made to it in another style. */
  const prepare = async (face, previous) => {
    if (previous?.edited.length) {
      const edits = { edited: previous.edited, source: previous.parameters, target: face.parameters };
      const answer = await api.call("carry_over", edits);
      if (answer.parameters) Object.assign(face, answer);
      return true;
    }
    if (face.svg) return true;
    const answer = await api.call("draw", { parameters: face.parameters });
    if (answer.error) return false;
    Object.assign(face, answer);
    return true;
  };

  const close = (given) => {
    if (given.key === "") {  // the photo was cleared
      editor.subject = null;
      store(null);
    }
    section.hidden = true;
    find(".editor-open").hidden = false;
  };

  /** Edit a new subject. */
  const load = async (given) => {
    clearTimeout(submitTimer);
    if (!given.faces.length) {
      close(given);
      return;
    }
    const previous = editor.previousFaces(given);
    const subject = editor.open(given);
    find(".editor-more").hidden = true;
    for (const [i, face] of subject.faces.entries()) {
      if (!await prepare(face, previous[i])) return;
    }
    if (editor.subject === subject) await describe();
    if (editor.subject !== subject) return;  // replaced meanwhile
    section.hidden = false;
    find(".editor-open").hidden = true;
    render();
    show();
    subject.faces.forEach((face, i) => {
      if (face.edited.length || i === subject.face) publish(i, !face.edited.length);
    });
  };

  // Files

  const fileName = (suffix) => `emoji-${editor.subject.face + 1}.${suffix}`;
  const selectedSize = () => Number(find('[name="size"]').value);

  const selectedBackground = () => {
    const { value } = find('[name="background"]');
    return value === "own" ? find('[name="paper"]').value : value || null;
  };

  const write = (format, size = selectedSize()) => {
    const options = { size };
    if (format !== "json") options.background = format === "webp" ? null : selectedBackground();
    return api.write(editor.face.parameters, format, options);
  };

  const save = async (format, size) => {
    const name = fileName(format);  // before the call: another avatar may be edited meanwhile
    const url = await write(format, size);
    if (url) download(url, name);
  };

  const copyToClipboard = async () => {
    try {
      const picture = write("png").then(blobOf);
      await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
      say("Copied as PNG.");
    } catch {
      say("The browser does not allow copying. Download the PNG instead.", true);
    }
  };

  const share = async () => {
    const name = fileName("png");
    const url = await write("png");
    if (!url) return;
    try {
      await navigator.share({ files: [new File([blobOf(url)], name, { type: "image/png" })] });
    } catch {
      // cancelled by the user
    }
  };

  const saveAll = async () => {
    const avatars = editor.subject.faces.map(({ parameters }, i) => ({ name: `face-${i + 1}`, parameters }));
    const answer = await api.call("pack", { avatars, size: selectedSize() });
    if (answer.url) download(answer.url, "emoji.zip");
  };

  const openFile = async (file) => {
    if (file.size > MAX_FILE_SIZE) {
      const megabytes = (file.size / 1e6).toFixed(1);
      say(`${megabytes} MB is too large for an avatar. Open a JSON file that was exported here.`, true);
      return;
    }
    const answer = await api.call("read", { text: await file.text() });
    if (answer.error) return;
    if (editor.subject) replace(answer.parameters, [], "Opened.");
    else load({ id: "file", name: file.name, key: "file", faces: [{ ...answer, chosen: answer.parameters }] });
  };

  const showAlternatives = async () => {
    const { parameters, likely, edited } = editor.face;
    seed += 1;
    const answer = await api.call("more", { parameters, likely, keep: edited, seed });
    if (answer.error) return;
    const row = find(".editor-more");
    row.replaceChildren(...answer.avatars.map((avatar, i) => {
      const picture = create("img", { src: svgUrl(avatar.svg), alt: `Alternative ${i + 1}` });
      const button = create("button", { type: "button" }, picture);
      button.addEventListener("click", () => {
        replace(avatar.parameters, editor.face.edited, `Selected alternative ${i + 1}.`);
      });
      return button;
    }));
    row.hidden = false;
    const count = answer.avatars.length;
    say(count ? `${count} alternatives: choose one.` : "The network is confident: there are no alternatives.");
  };

  // Events

  const actions = {
    undo: () => step("undo", "Undone."),
    redo: () => step("redo", "Redone."),
    reset: () => replace(editor.face.chosen, [], "Reset to the network’s choice."),
    more: showAlternatives,
    png: () => save("png"),
    svg: () => save("svg"),
    webp: () => save("webp", STICKER_SIZE),
    json: () => save("json"),
    copy: copyToClipboard,
    share,
    zip: saveAll,
    open: () => find(".editor-file").click(),
  };

  element.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    const tab = event.target.closest("[data-page]");
    if (button) {
      actions[button.dataset.do]();
    } else if (tab) {
      openPage = tab.dataset.page;
      render();
      find(`[data-page="${openPage}"]`).focus();
    }
  });

  tabs.addEventListener("keydown", (event) => {
    const all = [...tabs.children];
    const current = all.findIndex((tab) => tab.dataset.page === openPage);
    const targets = { Home: 0, End: all.length - 1 };
    const next = event.key in ARROWS ? (current + ARROWS[event.key] + all.length) % all.length : targets[event.key];
    if (next === undefined) return;
    event.preventDefault();
    all[next].click();
  });

  document.addEventListener("keydown", (event) => {
    const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (!isUndo || section.hidden || isHidden(element)) return;
    if (event.target.matches("textarea, [type=text], [type=number]")) return;
    event.preventDefault();
    actions[event.shiftKey ? "redo" : "undo"]();
  });

  const applyExpression = (name, label) => {
    const variants = info.expressions[name];
    const { face } = editor;
    const parameters = copy(face.parameters);
    Object.assign(parameters.variants, variants);
    editor.replace(parameters, new Set([...face.edited, ...Object.keys(variants)]));
    say(label);
    redraw();
  };

  panel.addEventListener("input", (event) => {
    const { type, name, value, dataset } = event.target;
    const label = event.target.getAttribute("aria-label");
    if (type === "range") {
      change(dataset.name, Number(value));
    } else if (type === "color") {
      change(dataset.name, value, `${dataset.name.slice("colour:".length)} colour ${value}`);
    } else if (name.startsWith("colour:")) {
      change(name, value, `${name.slice("colour:".length)} colour ${value}`);
      panel.querySelector(`[data-name="${name}"]`).value = value;
    } else if (name === "slot:expression") {
      applyExpression(value, label);
    } else {
      const slot = name.slice("slot:".length);
      change(slot, value, label);
      const probability = panel.querySelector(".surety");
      if (probability) probability.textContent = describeProbability(editor.face, info, slot);
    }
  });

  find('[name="background"]').addEventListener("change", (event) => {
    find('[name="paper"]').hidden = event.target.value !== "own";
  });

  find(".editor-file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) openFile(file);
  });

  window.addEventListener("avatar:pick", async (event) => {
    const { subject } = editor;
    if (subject?.id !== "photo" || !subject.faces[event.detail.face]) return;
    subject.face = event.detail.face;
    find(".editor-more").hidden = true;
    await renderAll();
    if (editor.subject) publish(editor.subject.face, true);
  });

  // Another mode may use the editor: in a place of its own until it sends avatar:close, or here.

  const returnHome = async () => {
    if (!suspended) return;
    home.append(element);
    editor.subject = suspended.subject;
    suspended = null;
    section.hidden = !editor.subject;
    find(".editor-open").hidden = !section.hidden;
    if (!editor.subject) {
      store(null);
      return;
    }
    publish(editor.subject.face, true);
    await renderAll();
  };

  window.addEventListener("avatar:close", returnHome);

  window.addEventListener("avatar:edit", async (event) => {
    const { place, ...given } = event.detail;
    restored = false;
    if (place) {
      suspended ??= { subject: editor.subject };
      place.append(element);
    } else {
      returnHome();
      document.querySelector(".modes [role=tab]")?.click();  // the mode Photo
    }
    await load({ key: given.id, ...copy(given) });
    find(".editor-tabs [aria-selected=true]")?.focus({ preventScroll: true });
    scrollIntoView(element, place ? "nearest" : "center");
  });

  watch("value", () => {
    let given = null;
    try {
      given = JSON.parse(props.value);
    } catch {
      return;
    }
    if (!given || given.mine) return;
    returnHome();
    restored = false;
    say("");
    load(given);
  });

  const example = new File([], "a.png", { type: "image/png" });
  if (navigator.canShare?.({ files: [example] })) find('[data-do="share"]').hidden = false;
  const subject = restore();
  if (subject) {
    restored = true;
    load(subject);
  }
}
