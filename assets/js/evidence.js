/** PNG download in the tab Evidence: the visible charts and faces on one sheet, in the colours of the page. */

import { createCanvas, download, loadImage } from "./dom.js";

/** CSS properties that are copied into the charts' SVG. */
const COPIED_STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity", "font-size",
  "font-family",
];

const SHEET_WIDTH = 1280;
const GAP = 20;
const TOP = 70;
const LINE_HEIGHT = 18;
const CHART_WIDTH = 230;
const MAP_WIDTH = 600;
const PICTURE_SIDE = 96;

/**
 * A picture on the sheet.
 *
 * @typedef {object} Cell
 * @property {CanvasImageSource} picture
 * @property {number} width
 * @property {number} height
 * @property {string[]} lines its caption
 */

/** Render a chart with the styles of the page. */
async function renderChart(svg, width) {
  const copy = svg.cloneNode(true);
  const originals = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((part, i) => {
    const style = getComputedStyle(originals[i]);
    for (const name of COPIED_STYLES) part.style.setProperty(name, style.getPropertyValue(name));
  });
  const box = svg.viewBox.baseVal;
  const height = Math.round(width * box.height / box.width);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const picture = await loadImage("data:image/svg+xml," + encodeURIComponent(copy.outerHTML));
  return { picture, width, height };
}

/** @returns {Promise<Cell>} */
async function createCell(figure) {
  const svg = figure.querySelector("svg[role]");
  if (svg) {
    const lines = [...figure.querySelectorAll("figcaption > *")].map((part) => part.textContent);
    const width = figure.classList.contains("map") ? MAP_WIDTH : CHART_WIDTH;
    return { ...await renderChart(svg, width), lines };
  }
  const images = [...figure.querySelectorAll("img")];
  const columns = figure.closest(".numbers") ? 1 : images.length;
  const canvas = createCanvas(PICTURE_SIDE * columns, PICTURE_SIDE * images.length / columns);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = columns > 1;
  images.forEach((image, i) => {
    const x = PICTURE_SIDE * (i % columns);
    const y = PICTURE_SIDE * Math.floor(i / columns);
    context.drawImage(image, x, y, PICTURE_SIDE, PICTURE_SIDE);
  });
  return { picture: canvas, width: canvas.width, height: canvas.height, lines: [] };
}

/** Arrange cells in rows. Returns them with their positions, and the height of the sheet. */
export function arrange(cells) {
  const places = [];
  let x = GAP;
  let y = TOP;
  let rowHeight = 0;
  for (const cell of cells) {
    const captionHeight = LINE_HEIGHT * cell.lines.length;
    if (x + cell.width > SHEET_WIDTH - GAP) {
      x = GAP;
      y += rowHeight + GAP;
      rowHeight = 0;
    }
    places.push({ ...cell, x, y, captionHeight });
    x += cell.width + GAP;
    rowHeight = Math.max(rowHeight, cell.height + captionHeight);
  }
  return { places, height: y + rowHeight + GAP };
}

function isVisible(figure) {
  return figure.getClientRects().length > 0 && !figure.closest("details:not([open])");
}

/** Draw what the tab shows. @returns {Promise<string>} a data URL */
async function renderSheet(root, title) {
  const style = getComputedStyle(document.body);
  const figures = [...root.querySelectorAll("figure.chart, .evidence-pairs figure")].filter(isVisible);
  const { places, height } = arrange(await Promise.all(figures.map(createCell)));
  const canvas = createCanvas(SHEET_WIDTH, height);
  const context = canvas.getContext("2d");
  context.fillStyle = style.backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = style.color;
  context.font = "bold 22px sans-serif";
  context.fillText(title, GAP, 42);
  for (const place of places) {
    place.lines.forEach((line, i) => {
      context.font = i ? "13px sans-serif" : "bold 13px sans-serif";
      context.fillText(line, place.x, place.y + 14 + LINE_HEIGHT * i, place.width);
    });
    context.drawImage(place.picture, place.x, place.y + place.captionHeight, place.width, place.height);
  }
  return canvas.toDataURL("image/png");
}

/** @param {import("./dom.js").Component} component */
export function mount({ element }) {
  element.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-png]");
    if (!button) return;
    const name = button.dataset.png;
    const root = element.closest(".tabitem") ?? document;
    download(await renderSheet(root, name.replace(/^evidence-|\.png$/g, "")), name);
  });
}
