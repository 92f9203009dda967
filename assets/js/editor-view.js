/** The editor's panels: tabs, previews of variants, swatches and sliders. */

import { create } from "./dom.js";
import { getSetting } from "./editor-state.js";

/** Slot → palettes that are offered with it; other slots have one of their own name. */
const PALETTES_OF_SLOT = {
  top: ["hair", "hat"], hair: ["hair"], rearHair: ["hair"], facialHair: ["beard"], beard: ["beard"],
  accessories: ["glasses"],
};

/** Slots of which the first one is open at the start. */
const FIRST_SLOTS = ["top", "hair"];

const capitalise = (text) => text[0].toUpperCase() + text.slice(1);

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
  const [label, variants] = kind ?? ["this one", [value]];
  const sum = variants.reduce((total, variant) => total + (probabilities[variant] || 0), 0);
  return `The network’s probability of ${label}: ${Math.round(100 * sum)}%`;
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

/**
 * Render a page of the panel.
 *
 * @param {object} page as of `pagesOf`
 * @param {import("./editor-state.js").Face} face
 * @param {object} info description of the style
 * @param {(slot: string) => Promise<string|undefined>} previewUrl
 * @returns {HTMLElement[]}
 */
export function createPage(page, face, info, previewUrl) {
  const get = (name) => getSetting(face.parameters, name);
  const probability = (name) => describeProbability(face, info, name);
  const colourRow = (palette) => (
    createSwatches(palette, get(`colour:${palette.name}`), probability, measuredColour(face, palette.name))
  );

  if (page.id === "colours") return info.palettes.map(colourRow);
  if (page.id === "shape") return info.shapes.map((shape) => createSlider(shape, get(`shape:${shape.name}`)));
  if (page.id === "expression") {
    const names = Object.keys(info.expressions);
    const isCurrent = (name) => Object.entries(info.expressions[name]).every(([slot, variant]) => get(slot) === variant);
    return [createPreviews(page, names, names.map(capitalise), isCurrent, previewUrl)];
  }
  const { variants } = page.slot;
  const isCurrent = (variant) => variant === get(page.id);
  const palettes = PALETTES_OF_SLOT[page.id] ?? [page.id];
  return [
    createPreviews(page, variants, info.labels[page.id], isCurrent, previewUrl),
    create("p", { className: "surety", textContent: probability(page.id) }),
    ...info.palettes.filter(({ name }) => palettes.includes(name)).map(colourRow),
  ];
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

function createPreviews(page, values, labels, isCurrent, previewUrl) {
  const group = create("fieldset", { className: "previews" }, create("legend", { textContent: page.label }));
  values.forEach((value, i) => {
    const input = create("input", { type: "radio", name: `slot:${page.id}`, value, checked: isCurrent(value) });
    input.setAttribute("aria-label", labels[i]);
    const picture = create("span", { className: "preview", style: `--n: ${values.length}; --i: ${i}` });
    group.append(create("label", { title: labels[i] }, input, picture));
  });
  previewUrl(page.id).then((url) => {
    if (url) group.style.setProperty("--sheet", `url("${url}")`);
  });
  return group;
}

/** Scroll the previews so that the current one is in view. */
export function showCurrentPreview(panel) {
  const previews = panel.querySelector(".previews");
  const current = previews?.querySelector("label:has(:checked)");
  if (current) previews.scrollTop = current.offsetTop - previews.offsetTop - previews.clientHeight / 2;
}

/** Render the confidences of what the network chose. */
export function createConfidences(confidences) {
  return Object.entries(confidences).map(([label, p]) => (
    create("li", {}, `${label} `, create("b", { textContent: `${Math.round(100 * p)}%` }))
  ));
}
