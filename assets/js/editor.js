/**
 * The editor of drawn avatars. It edits those of a photo, or those that another mode sends by the event avatar:edit.
 *
 * Its value: JSON of a new subject from Python, see `payload` in dtn_core/ui/tabs/editor.py; after an edit, JSON of
 * {mine: true, id, faces}. Every change is announced by the event avatar:edited.
 */

import { coalesce, isHidden, scrollIntoView, svgUrl } from "./dom.js";
import { EditorApi } from "./editor-api.js";
import { canShare, createFileActions } from "./editor-files.js";
import { copy, EditorState, equal, restore, store } from "./editor-state.js";
import {
  closeOnEscape, createColours, createConfidences, createFaceButtons, createPage, createTabs, createVariations,
  describeProbability, enableArrowKeys, firstPage, pagesOf, placeViews, settingOf, showPreviews, showView,
  shrinkOnScroll,
} from "./editor-view.js";

/** Milliseconds after an edit before the photo's other views are redrawn. */
const SUBMIT_DELAY = 600;

/** Milliseconds after an edit before the previews show it, too. */
const PREVIEW_DELAY = 250;

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
  let previewTimer = null;
  let painted = null;  // {pictures, credit, face} of a result that can't be edited

  const say = (text, isError = false) => {
    const [inside, below] = element.querySelectorAll(".editor-status");
    inside.textContent = section.hidden ? "" : text;
    below.textContent = section.hidden ? text : "";
    for (const status of [inside, below]) status.classList.toggle("wrong", isError);
  };

  // Rendering

  const showFaces = (urls, current) => {
    find(".editor-faces").hidden = urls.length < 2;
    find(".editor-faces").replaceChildren(...createFaceButtons(urls, current));
  };

  const showPainted = () => {
    const { pictures, credit, face } = painted;
    section.dataset.kind = "painted";
    section.hidden = false;
    find(".editor-open").hidden = true;
    find(".editor-avatar").src = pictures[face];
    find(".editor-avatar").alt = `Emoji of face ${face + 1}, painted`;
    find(".editor-views").hidden = false;
    find(".credit").textContent = credit ? `Style: ${credit}` : "";
    showFaces(pictures, face);
  };

  const show = () => {
    if (!editor.subject) return;
    section.dataset.kind = "drawn";
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
    find(".editor-views").hidden = editor.subject.id !== "photo" || restored;
    showFaces(editor.subject.faces.map(({ svg }) => svgUrl(svg)), editor.subject.face);
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
    panel.replaceChildren(...createPage(page, editor.face, info));
    updatePreviews();
    find(".credit").textContent = `Style: ${info.title} by ${info.artist}, ${info.terms}, drawn by DiceBear`;
  };

  /** Draw the avatar with each variant of the open page. */
  const updatePreviews = async () => {
    if (!editor.subject || !panel.querySelector(".preview")) return;
    const { parameters } = editor.face;
    const slot = openPage;
    const pictures = await api.preview(parameters, slot);
    if (slot === openPage && parameters.style === editor.subject?.faces[editor.subject.face].parameters.style) {
      showPreviews(panel, pictures);
    }
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
    clearTimeout(submitTimer);
    submitTimer = setTimeout(() => trigger("submit"), SUBMIT_DELAY);
  };

  /** Redraw the current avatar. One request is in flight; changes made meanwhile are drawn by the next one. */
  const redraw = coalesce(async () => {
    const { subject } = editor;
    if (!subject) return;
    const index = subject.face;
    const answer = await api.call("draw", { parameters: copy(editor.face.parameters) });
    if (!answer.svg || subject !== editor.subject) return;
    subject.faces[index].svg = answer.svg;
    publish(index);
    show();
    clearTimeout(previewTimer);
    previewTimer = setTimeout(updatePreviews, PREVIEW_DELAY);
  });

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
    painted = null;
    section.hidden = true;
    find(".editor-open").hidden = false;
  };

  /** Edit a new subject. */
  const load = async (given) => {
    clearTimeout(submitTimer);
    placeViews(section);
    if (given.painted?.length) {  // the avatars of the same photo keep their edits
      painted = { pictures: given.painted, credit: given.credit, face: 0 };
      showPainted();
      return;
    }
    if (!given.faces.length) {
      close(given);
      return;
    }
    painted = null;
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
    if (subject.id !== "photo" || restored) showView(section, "avatar");
    render();
    show();
    subject.faces.forEach((face, i) => {
      if (face.edited.length || i === subject.face) publish(i, !face.edited.length);
    });
  };

  // Files

  const openAvatar = (avatar, name) => {
    if (editor.subject && !painted) replace(avatar.parameters, [], "Opened.");
    else load({ id: "file", name, key: "file", faces: [{ ...avatar, chosen: avatar.parameters }] });
  };

  const showVariations = async () => {
    const { parameters, likely, edited } = editor.face;
    seed += 1;
    const answer = await api.call("more", { parameters, likely, keep: edited, seed });
    if (answer.error) return;
    const row = find(".editor-more");
    row.replaceChildren(...createVariations(answer.avatars, (parameters, label) => {
      replace(parameters, editor.face.edited, label);
    }));
    row.hidden = !answer.avatars.length;
    say(row.hidden ? "The network is confident: there are no variations." : "Pick a variation.");
  };

  // Events

  const shown = () => {
    if (painted) return { index: painted.face, png: painted.pictures[painted.face] };
    return { index: editor.subject.face, parameters: editor.face.parameters };
  };

  const pick = async (index) => {
    window.dispatchEvent(new CustomEvent("avatar:pick", { detail: { face: index } }));
    if (painted) {
      painted.face = index;
      showPainted();
      return;
    }
    editor.subject.face = index;
    find(".editor-more").hidden = true;
    await renderAll();
    if (editor.subject) publish(editor.subject.face, true);
  };

  const actions = {
    ...createFileActions({ find, api, say, shown, openAvatar, faces: () => editor.subject.faces }),
    undo: () => step("undo", "Undone."),
    redo: () => step("redo", "Redone."),
    reset: () => replace(editor.face.chosen, [], "Reset to the network’s choice."),
    more: showVariations,
  };

  element.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    const tab = event.target.closest("[data-page]");
    const face = event.target.closest("[data-pick]");
    const menu = find(".editor-formats");
    if (menu.open && !menu.contains(event.target)) menu.open = false;
    if (face) {
      pick(Number(face.dataset.pick) - 1).then(() => find(`[data-pick="${face.dataset.pick}"]`)?.focus());
    } else if (button) {
      actions[button.dataset.do]();
    } else if (tab) {
      openPage = tab.dataset.page;
      render();
      find(`[data-page="${openPage}"]`).focus();
    }
  });

  enableArrowKeys(tabs);
  shrinkOnScroll(find(".editor-top"));

  document.addEventListener("keydown", (event) => {
    const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (!isUndo || painted || section.hidden || isHidden(element)) return;
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
    const { name, value, label } = settingOf(event.target);
    if (name === "expression") {
      applyExpression(value, label);
      return;
    }
    change(name, value, label);
    if (event.target.type !== "radio") return;
    if (name.startsWith("colour:")) {
      panel.querySelector(`[data-name="${name}"]`).value = value;
      return;
    }
    const page = pagesOf(info).find(({ id }) => id === openPage);
    panel.querySelector(".editor-colours")?.replaceChildren(...createColours(page, editor.face, info));
    panel.querySelector(":scope > .surety").textContent = describeProbability(editor.face, info, name);
  });

  find(".editor-views").addEventListener("change", (event) => showView(section, event.target.value));

  closeOnEscape(find(".editor-formats"));

  // Another mode may use the editor, in a place of its own, until it sends avatar:close.

  const returnHome = async () => {
    if (!suspended) return;
    home.append(element);
    ({ subject: editor.subject, painted } = suspended);
    suspended = null;
    if (painted) {
      showPainted();
      return;
    }
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
    suspended ??= { subject: editor.subject, painted };
    painted = null;
    place.append(element);
    await load({ key: given.id, ...copy(given) });
    find(".editor-tabs [aria-selected=true]")?.focus({ preventScroll: true });
    place.scrollTop = 0;
    scrollIntoView(place, "nearest");
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

  find('[data-do="share"]').hidden = !canShare();
  const subject = restore();
  if (subject) {
    restored = true;
    load(subject);
  }
}
