/** The mode Many photos: photos are scaled down in the browser and sent one by one. Nothing outlives the page. */

import { create, download, isHidden, sentence, svgUrl } from "./dom.js";
import { isPicture, preparePhoto } from "./photo-file.js";
import { connectButtons, createFileInput } from "./picture-input.js";
import { FileError, unzip } from "./zip.js";

/** Number of photos that are sent at the same time. */
const CONCURRENCY = 2;

/** Longest side of a photo that is sent, in pixels. */
const MAX_SIDE = 1600;

const THUMBNAIL_SIDE = 160;

/** Photos of at most this many bytes are sent unchanged, unless they have too many pixels. */
const SMALL_FILE = 600000;

/** Error codes after which a request is tried again, and the longest wait in milliseconds. */
const RETRIED_CODES = ["busy", "out_of_memory"];
const FIRST_WAIT = 500;
const MAX_WAIT = 20000;

/** Files of these names are reported if they are damaged; others that are no pictures are left out. */
const PICTURE_NAME = /\.(jpe?g|jfif|png|webp|bmp|gif|tiff?|avif|hei[cf])$/i;

const LIMITS = { maxBytes: SMALL_FILE, maxSide: MAX_SIDE, thumbnailSide: THUMBNAIL_SIDE };
const NO_ANSWER = "No answer from the server. Try again.";
const UNREADABLE = "The browser could not read this file.";

/**
 * A photo in the list.
 *
 * @typedef {object} Item
 * @property {string} id
 * @property {string} name
 * @property {number} size in bytes
 * @property {() => Promise<Blob>} blob
 * @property {HTMLElement} card
 * @property {object[]} faces as the server returned them
 * @property {string|null} settings with which the faces were made
 * @property {string} [thumbnail] data URL
 * @property {"waiting"|"working"|"done"} state
 * @property {boolean} [drawnBefore] whether it was done once already
 */

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Name of an emoji's file: that of its photo, with a number if the photo has several faces. */
export function emojiName(photo, index, count) {
  return count > 1 ? photo.replace(/(\.\w+)?$/, `-${index + 1}$1`) : photo;
}

const pictureOf = (face) => (face.svg ? svgUrl(face.svg) : face.png);

/**
 * @param {import("./dom.js").Component} component its value is [style, drawn or painted], as chosen above
 * @param {{maxBytes: number, maxPictures: number}} options
 */
export function mount({ element, props, watch, server }, { maxBytes, maxPictures }) {
  /** @type {Item[]} */
  const items = [];
  const input = createFileInput(element, { take: (files) => take(files) });
  const { find, note } = input;
  const [bar, progressText] = find("progress").children;
  let workers = 0;
  let nextId = 0;
  let cancelled = false;

  const settings = () => JSON.stringify(props.value);
  const waiting = () => items.filter((item) => item.state === "waiting");
  const done = () => items.filter((item) => item.state === "done");
  const emoji = () => done().flatMap((item) => item.faces.map((face, index) => ({
    name: emojiName(item.name, index, item.faces.length),
    parameters: face.parameters,
    png: face.png,
    style: JSON.parse(item.settings)[0],
  })));

  // Adding photos

  const expandZips = async (files, notes) => {
    const found = [];
    for (const file of files) {
      if (!/\.zip$/i.test(file.name)) {
        found.push({ name: file.name, size: file.size, blob: async () => file });
        continue;
      }
      try {
        found.push(...await unzip(file));
      } catch (error) {
        const reason = error instanceof FileError ? error.message : "the browser could not read it. Choose it again.";
        notes.push(`${file.name}: ${reason}`);
      }
    }
    return found;
  };

  /** Whether a file is a picture by its name or content. */
  const isCandidate = async ({ name, blob, size }) => {
    if (PICTURE_NAME.test(name)) return true;
    if (size > maxBytes) return false;
    try {
      return await isPicture(await blob());
    } catch {
      return false;
    }
  };

  const take = async (files) => {
    const notes = [];
    const found = await expandZips(files, notes);
    const pictures = [];
    for (const one of found) {
      if (await isCandidate(one)) pictures.push(one);
    }
    const skipped = found.length - pictures.length;
    const added = pictures.slice(0, Math.max(0, maxPictures - items.length));
    const surplus = pictures.length - added.length;
    if (skipped === 1) notes.push("1 file is not a picture and was skipped.");
    if (skipped > 1) notes.push(`${skipped} files are not pictures and were skipped.`);
    if (surplus) {
      notes.push(`At most ${maxPictures} photos at once: ${surplus} were skipped. Clear the list, then add them.`);
    }
    if (!found.length && !notes.length) notes.push("It contains no photos. Choose other files.");
    note(notes.join(" "));
    added.forEach(add);
    run();
  };

  const add = ({ name, size, blob }) => {
    const fileName = name.split("/").pop();
    const title = create("div", { className: "batch-name" }, create("strong", { textContent: fileName, title: name }));
    const status = create("p", { className: "batch-note", textContent: "Waiting" });
    const card = create("li", { className: "batch-card pending" }, title, status);
    find("sheet").append(card);
    const id = `batch-${nextId++}`;
    items.push({ id, name: fileName, size, blob, card, faces: [], settings: null, state: "waiting" });
  };

  // Drawing them, a few at a time

  const run = () => {
    cancelled = false;
    while (workers < Math.min(CONCURRENCY, workers + waiting().length)) work();
    show();
  };

  const work = async () => {
    workers += 1;
    for (let item = waiting()[0]; item; item = waiting()[0]) {
      item.state = "working";
      await process(item);
      finish(item);
      show();
    }
    workers -= 1;
    show();
  };

  const process = async (item) => {
    const chosen = settings();
    let answer;
    try {
      answer = await draw(item);
    } catch (error) {
      answer = { error: error instanceof FileError ? error.message : UNREADABLE };
    }
    if (!answer && item.faces.length) {  // keep the earlier result
      note(NO_ANSWER);
      return;
    }
    item.settings = answer ? chosen : null;
    fill(item, answer ?? { error: NO_ANSWER });
  };

  const draw = async (item) => {
    if (item.size > maxBytes) throw new FileError(`Larger than ${maxBytes / 1e6} MB. Scale it down first.`);
    const { photo, thumbnail } = await preparePhoto(await item.blob(), LIMITS);
    item.thumbnail = thumbnail;
    const [style, kind] = props.value;
    for (let pause = FIRST_WAIT; ; pause *= 1.5) {
      const answer = await server.redraw({ photo, style, kind });
      if (cancelled || pause > MAX_WAIT || !RETRIED_CODES.includes(answer?.code)) return answer;
      await wait(pause);
    }
  };

  const finish = (item) => {
    item.state = "done";
    item.drawnBefore = true;
    item.card.classList.remove("pending");
  };

  // Showing the result

  const fill = (item, answer) => {
    const { card } = item;
    item.faces = answer.faces ?? [];
    card.className = answer.error ? "batch-card failed" : "batch-card";
    const title = card.querySelector(".batch-name");
    if (item.thumbnail && !title.querySelector("img")) title.prepend(create("img", { src: item.thumbnail, alt: "" }));
    const parts = [title];
    if (item.faces.length) {
      const figures = item.faces.map((face, index) => createFigure(item, face, index));
      parts.push(create("div", { className: "batch-pictures" }, ...figures));
    }
    const notes = answer.error ? [sentence(answer.error)] : answer.notes;
    parts.push(...notes.map((text) => create("p", { className: "batch-note", textContent: text })));
    card.replaceChildren(...parts);
  };

  const createFigure = (item, face, index) => {
    const which = item.faces.length > 1 ? `${index + 1} of ${item.name}` : `of ${item.name}`;
    const figure = create("figure", { className: "batch-face" });
    figure.append(create("img", { src: pictureOf(face), alt: `Emoji ${which}` }));
    if (face.parameters) {
      const edit = create("button", { type: "button", className: "batch-edit", textContent: "Edit" });
      edit.setAttribute("aria-label", `Edit emoji ${which}`);
      edit.addEventListener("click", () => openDrawer(item, index));
      figure.append(edit);
    }
    return figure;
  };

  const show = () => {
    const busy = workers > 0;
    const ready = done().length;
    let status = `${ready} of ${items.length}`;
    if (!busy) status += cancelled ? " · cancelled" : " · done";
    find("stage").classList.toggle("small", items.length > 0);
    find("progress").hidden = !items.length;
    bar.max = Math.max(1, items.length);
    bar.value = ready;
    progressText.textContent = status;
    find("progress").dataset.say = busy ? "" : status;
    find("cancel").hidden = !busy || cancelled;
    find("clear").hidden = busy || !items.length;
    find("download").hidden = busy || !emoji().length;
    find("again").hidden = busy || done().every((item) => item.settings === settings());
  };

  // Buttons

  const cancel = () => {
    for (const item of waiting()) {
      if (item.drawnBefore) {
        finish(item);
        continue;
      }
      item.card.remove();
      items.splice(items.indexOf(item), 1);
    }
    cancelled = true;
    show();
  };

  const clear = () => {
    items.length = 0;
    find("sheet").replaceChildren();
    note("");
    show();
  };

  const redrawAll = () => {
    for (const item of items.filter((one) => one.settings !== settings())) {
      item.state = "waiting";
      item.card.classList.add("pending");
    }
    run();
  };

  const downloadAll = async () => {
    const button = find("download");
    button.disabled = true;
    note("Packing…");
    const answer = await server.pack({ emoji: emoji() });
    button.disabled = false;
    note(answer ? sentence(answer.error ?? "") : NO_ANSWER);
    if (answer?.url) download(answer.url, "emoji.zip");
  };

  // Editing in a drawer

  const drawer = element.querySelector(".drawer");
  let edited = null;  // {item, index} of the emoji in the drawer

  const openDrawer = (item, index) => {
    edited = { item, index };
    const face = item.faces.length > 1 ? ` · face ${index + 1}` : "";
    drawer.querySelector("strong").textContent = item.name + face;
    drawer.hidden = false;
    const detail = { id: item.id, name: item.name, face: index, faces: item.faces, place: drawer };
    window.dispatchEvent(new CustomEvent("avatar:edit", { detail }));
  };

  const closeDrawer = () => {
    if (drawer.hidden) return;
    drawer.hidden = true;
    window.dispatchEvent(new CustomEvent("avatar:close"));
    edited.item.card.querySelectorAll(".batch-edit")[edited.index]?.focus();
  };

  const openNext = () => {
    const all = done().flatMap((item) => item.faces.map((face, index) => ({ item, index, face })));
    const drawn = all.filter(({ face }) => face.parameters);
    const current = drawn.findIndex(({ item, index }) => item === edited.item && index === edited.index);
    const { item, index } = drawn[(current + 1) % drawn.length];
    openDrawer(item, index);
  };

  drawer.addEventListener("click", ({ target }) => {
    if (target.dataset.drawer === "done") closeDrawer();
    if (target.dataset.drawer === "next") openNext();
  });
  drawer.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") closeDrawer();
  });
  new ResizeObserver(() => {  // fires when another tab is opened
    if (isHidden(element)) closeDrawer();
  }).observe(element);

  window.addEventListener("avatar:edited", ({ detail: { id, face, parameters, svg } }) => {
    const item = items.find((one) => one.id === id);
    if (!item?.faces[face]) return;
    Object.assign(item.faces[face], { parameters, svg });
    item.card.querySelectorAll(".batch-face img")[face].src = pictureOf(item.faces[face]);
  });

  watch("value", show);
  connectButtons(element, input, { cancel, again: redrawAll, download: downloadAll, clear });
}
