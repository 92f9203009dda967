/** Shared by the inputs of files: they come from the file chooser, by drag and drop, or from the clipboard. */

import { isHidden, readAsDataUrl } from "./dom.js";

const SAVE_FIRST = "Pictures can't be dragged from another page. Save it first, or copy and paste it.";

/** Whether an element of another page was dragged, of which only the address arrives. */
function isFromPage(dataTransfer) {
  return dataTransfer.types.includes("text/uri-list") || dataTransfer.types.includes("text/html");
}

const EVENTS = [["drop", "dataTransfer"], ["paste", "clipboardData"]];

/**
 * An input of files.
 *
 * @typedef {object} FileInput
 * @property {(name: string) => HTMLElement} find finds the part with the class photo-NAME
 * @property {(text: string) => void} note shows a message
 * @property {(file: File) => Promise<string|null>} read reads a picture as a data URL; shows why if it can't
 */

/**
 * Let a component take files. While it is in view, it takes whatever is dropped or pasted anywhere on the page.
 *
 * @param {HTMLElement} element root of the component
 * @param {object} options
 * @param {(files: File[]) => void} options.take is called with the files
 * @param {number} [options.maxBytes] larger pictures are refused
 * @returns {FileInput}
 */
export function createFileInput(element, { take, maxBytes = Infinity }) {
  const find = (name) => element.querySelector(`.photo-${name}`);
  const note = (text) => { find("note").textContent = text; };

  const read = async (file) => {
    if (file.size > maxBytes) {
      const megabytes = Math.round(file.size / 1e6);
      note(`This file is too large (${megabytes} MB). Choose a smaller picture.`);
      return null;
    }
    try {
      return await readAsDataUrl(file);
    } catch {
      note("The browser could not read this file.");
      return null;
    }
  };

  find("file").addEventListener("change", (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    if (files.length) take(files);
  });

  const highlight = (on) => find("stage").classList.toggle("over", on && !isHidden(element));
  document.addEventListener("dragover", (event) => highlight(event.dataTransfer.types.includes("Files")));
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) highlight(false);
  });
  for (const [name, data] of EVENTS) {
    document.addEventListener(name, (event) => {
      highlight(false);
      if (isHidden(element) || event.defaultPrevented) return;
      const files = [...event[data]?.files ?? []];
      if (files.length) take(files);
      else if (name === "drop" && isFromPage(event.dataTransfer)) note(SAVE_FIRST);
    });
  }
  return { find, note, read };
}

/**
 * Connect buttons with what they do. The stage, and the button "choose", open the file chooser.
 *
 * @param {HTMLElement} element
 * @param {FileInput} input
 * @param {Record<string, () => void>} actions by the name of their button
 */
export function connectButtons(element, { find }, actions) {
  const choose = () => find("file").click();
  const all = Object.entries({ choose, stage: choose, ...actions });
  element.addEventListener("click", (event) => {
    const pressed = all.find(([name]) => event.target.closest(`.photo-${name}`));
    if (pressed) pressed[1]();
  });
  find("stage").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose();
  });
}
