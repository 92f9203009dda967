/** The editor's panels: tabs, previews of variants, swatches and sliders. */

import { create, svgUrl } from "./dom.js";
import { getSetting } from "./editor-state.js";

/** Slot → palettes that are offered with it; other slots have one of their own name. */
const PALETTES_OF_SLOT = {
  top: ["hair", "hat"], hair: ["hair"], rearHair: ["hair"], facialHair: ["beard"], beard: ["beard"],
  accessories: ["glasses"],
};

/** Palettes that colour one kind of variant of their slot; others colour any variant but none. */
const KIND_OF_PALETTE = { hat: "hat" };

/** Palettes that are offered whatever the slot holds: short hair may be seen with any of it. */
const ALWAYS_OFFERED = ["hair"];

const ARROWS = { ArrowRight: 1, ArrowLeft: -1 };

/** Slots of which the first one is open at the start. */
const FIRST_SLOTS = ["top", "hair"];

const capitalise = (text) => text[0].toUpperCase() + text.slice(1);

/** Whether there is anything that a palette would colour: no hat colours without a hat. */
function isUsed(palette, slot, variant) {
  if (ALWAYS_OFFERED.includes(palette.name) || !slot) return true;
  const kind = KIND_OF_PALETTE[palette.name];
  return kind ? Boolean(slot.kinds[kind]?.includes(variant)) : variant !== "";
}

/** The palettes of a style that colour something in this avatar, of one slot or of all. */
export function usedPalettes(info, parameters, slotName = null) {
  return info.palettes.filter((palette) => {
    const slot = info.slots.find(({ name }) => (PALETTES_OF_SLOT[name] ?? [name]).includes(palette.name));
    if (slotName && !(PALETTES_OF_SLOT[slotName] ?? [slotName]).includes(palette.name)) return false;
    return isUsed(palette, slot, slot && getSetting(parameters, slot.name));
  });
}

/** The pages of a style: [{id, label, slot}]. */
export function pagesOf(info) {
  const pages = [{ id: "expression", label: "Expression" }];
  for (const slot of info.slots) pages.push({ id: slot.name, label: slot.label, slot });
  pages.push({ id: "colours", label: "Colours" });
  if (info.shapes.length) pages.push({ id: "shape", label: "Shape" });
  return pages;
}

/** The page to open where the last one does not exist in this style. */
export function firstPage(pages) {
  return pages.find(({ id }) => FIRST_SLOTS.includes(id)) ?? pages[0];
}

/**
 * Describe how probable the network finds the current value: that of its kind ("short hair"), or of the variant itself.
 *
 * @returns {string} "" if the network has no probability for it
 */
export function describeProbability(face, info, name) {
  const probabilities = face.likely?.[name];
  if (!probabilities || face.parameters.style !== face.chosen.style) return "";
  const value = getSetting(face.parameters, name);
  const slot = info.slots.find((one) => one.name === name);
  const kind = slot && Object.entries(slot.kinds).find(([, variants]) => variants.includes(value));
  const [label, variants] = kind ?? ["", [value]];
  const sum = variants.reduce((total, variant) => total + (probabilities[variant] || 0), 0);
  const share = `${Math.round(100 * sum)}% confident`;
  return label ? `${capitalise(label)}: ${share}` : capitalise(share);
}

/** Render the tabs. */
export function createTabs(pages, open) {
  return pages.map(({ id, label }) => {
    const tab = create("button", { type: "button", textContent: label, id: `editor-tab-${id}` });
    tab.dataset.page = id;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-selected", id === open);
    tab.tabIndex = id === open ? 0 : -1;
    return tab;
  });
}

/** Let the arrow keys, Home and End choose a tab. */
export function enableArrowKeys(tabs) {
  tabs.addEventListener("keydown", (event) => {
    const all = [...tabs.children];
    const current = all.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    const targets = { Home: 0, End: all.length - 1 };
    const step = ARROWS[event.key];
    const next = step ? (current + step + all.length) % all.length : targets[event.key];
    if (next === undefined) return;
    event.preventDefault();
    all[next].click();
  });
}

/**
 * Render a page of the panel.
 *
 * @param {object} page as of `pagesOf`
 * @param {import("./editor-state.js").Face} face
 * @param {object} info description of the style
 * @returns {HTMLElement[]}
 */
export function createPage(page, face, info) {
  const get = (name) => getSetting(face.parameters, name);
  if (page.id === "shape") return info.shapes.map((shape) => createSlider(shape, get(`shape:${shape.name}`)));
  const colours = create("div", { className: "editor-colours" }, ...createColours(page, face, info));
  const hasColours = info.palettes.some(({ name }) => (PALETTES_OF_SLOT[page.id] ?? [page.id]).includes(name));
  if (page.id === "colours") return [colours];
  if (page.id === "expression") {
    const names = Object.keys(info.expressions);
    const isCurrent = (name) => Object.entries(info.expressions[name]).every(([slot, variant]) => get(slot) === variant);
    return [createPreviews(page, names, names.map(capitalise), isCurrent)];
  }
  const isCurrent = (variant) => variant === get(page.id);
  const previews = createPreviews(page, page.slot.variants, info.labels[page.id], isCurrent);
  const probability = create("p", { className: "surety", textContent: describeProbability(face, info, page.id) });
  return hasColours ? [colours, previews, probability] : [previews, probability];
}

/** Render the swatches of a page: those of its slot, or of all that is seen. */
export function createColours(page, face, info) {
  const probability = (name) => describeProbability(face, info, name);
  return usedPalettes(info, face.parameters, page.id === "colours" ? null : page.id).map((palette) => {
    const value = getSetting(face.parameters, `colour:${palette.name}`);
    return createSwatches(palette, value, probability, measuredColour(face, palette.name));
  });
}

/**
 * The colour that was measured in the photo.
 *
 * @param {import("./editor-state.js").Face} face
 * @param {string} name of a palette
 * @returns {string|undefined} none where the palette's likeliest was chosen
 */
export function measuredColour(face, name) {
  return face.measured?.includes(name) ? face.chosen.colours[name] : undefined;
}

function createSwatches(palette, value, probability, measured) {
  const name = `colour:${palette.name}`;
  const others = palette.colours.filter((code) => code !== measured);
  const swatches = (measured ? [measured, ...others] : others).map((code) => {
    const source = code === measured ? ", from the photo" : "";
    const input = create("input", { type: "radio", name, value: code, checked: code === value });
    input.setAttribute("aria-label", `${palette.label} ${code}${source}`);
    return create("label", { className: "swatch", title: `${code}${source}`, style: `--ink: ${code}` }, input);
  });
  const picker = create("input", { type: "color", value, title: "Any colour" });
  picker.dataset.name = name;
  picker.setAttribute("aria-label", `${palette.label}, any colour`);
  return create(
    "fieldset", {},
    create("legend", { textContent: palette.label }),
    create("div", { className: "swatches" }, ...swatches, picker),
    create("p", { className: "surety", textContent: measured ? "The first colour is from the photo." : probability(name) }),
  );
}

function createSlider(shape, value) {
  const input = create("input", { type: "range", min: -1, max: 1, step: 0.05 });
  input.value = value;
  input.dataset.name = `shape:${shape.name}`;
  return create("label", { className: "slider" }, create("span", { textContent: shape.label }), input);
}

function createPreviews(page, values, labels, isCurrent) {
  const group = create("fieldset", { className: "previews" }, create("legend", { textContent: page.label }));
  values.forEach((value, i) => {
    const input = create("input", { type: "radio", name: `slot:${page.id}`, value, checked: isCurrent(value) });
    input.setAttribute("aria-label", labels[i]);
    const picture = create("img", { className: "preview", alt: labels[i] });
    group.append(create("label", { title: labels[i] }, input, picture));
  });
  return group;
}

/** Show the pictures of the previews, in their order. */
export function showPreviews(panel, pictures) {
  const images = panel.querySelectorAll(".preview");
  pictures.forEach((svg, i) => { images[i].src = svgUrl(svg); });
}

/** Render a button for each face of a picture. @param {string[]} urls of their pictures */
export function createFaceButtons(urls, current) {
  return urls.map((url, i) => {
    const picture = create("img", { src: url, alt: `Emoji of face ${i + 1}` });
    const button = create("button", { type: "button" }, picture, create("span", { textContent: i + 1 }));
    button.dataset.pick = i + 1;
    button.setAttribute("aria-pressed", i === current);
    return button;
  });
}

/** Show the avatar, or one of the pictures of the whole photo in its place. */
export function showView(section, name) {
  section.dataset.view = name;
  section.querySelector(`[name="editor-view"][value="${name}"]`).checked = true;
}

/** Move the pictures of the whole photo, which another component renders, to the avatar's place. */
export function placeViews(section) {
  const views = document.querySelector("#views");
  if (views) section.querySelector(".editor-stage").append(views);
}

/** The setting that an input of the panel changes: {name, value, label to announce}. */
export function settingOf(input) {
  const [kind, name] = input.name ? input.name.split(":") : input.dataset.name.split(":");
  if (kind === "slot") return { name, value: input.value, label: input.getAttribute("aria-label") };
  if (kind === "colour") return { name: `colour:${name}`, value: input.value, label: `${name} colour ${input.value}` };
  return { name: `${kind}:${name}`, value: Number(input.value), label: "" };
}

/** Render a button for each variation. @param {(parameters: object, label: string) => void} pick */
export function createVariations(avatars, pick) {
  return avatars.map(({ parameters, svg }, i) => {
    const picture = create("img", { src: svgUrl(svg), alt: `Variation ${i + 1}` });
    const button = create("button", { type: "button" }, picture);
    button.addEventListener("click", () => pick(parameters, `Picked variation ${i + 1}.`));
    return button;
  });
}

/** Let Escape close a <details>, whose summary gets the focus. */
export function closeOnEscape(details) {
  details.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    details.open = false;
    details.querySelector("summary").focus();
  });
}

/** Shrink the avatar to a bar once the page has scrolled to its tiles; only on narrow pages is it styled so. */
export function shrinkOnScroll(top) {
  const update = () => top.classList.toggle("small", top.getBoundingClientRect().top < -1);
  window.addEventListener("scroll", update, { passive: true });
}

/** Render the confidences of what the network chose. */
export function createConfidences(confidences) {
  return Object.entries(confidences).map(([label, p]) => (
    create("li", {}, `${label} `, create("b", { textContent: `${Math.round(100 * p)}%` }))
  ));
}
