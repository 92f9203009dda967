// Runs once for the downloads of the tab Evidence: PNG lays the charts and faces that are shown on one sheet, in the colours
// of the page. JSON, CSV and Markdown are links that came with the answer.
const KEPT = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity", "font-size", "font-family"];
const WIDTH = 1280, GAP = 20;

const loaded = (url) => new Promise((resolve, reject) => {
  const image = new Image();
  image.onload = () => resolve(image);
  image.onerror = reject;
  image.src = url;
});

const drawing = async (svg, width) => {
  const copy = svg.cloneNode(true), mine = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((part, i) => {
    const style = getComputedStyle(mine[i]);
    for (const name of KEPT) part.style.setProperty(name, style.getPropertyValue(name));
  });
  const box = svg.viewBox.baseVal, height = Math.round(width * box.height / box.width);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return { picture: await loaded("data:image/svg+xml," + encodeURIComponent(copy.outerHTML)), width, height };
};

const cell = async (shown) => {
  const svg = shown.querySelector("svg[role]");
  if (svg) {
    const words = [...shown.querySelectorAll("figcaption > *")].map((part) => part.textContent);
    return { ...await drawing(svg, shown.classList.contains("map") ? 600 : 230), words };
  }
  const images = [...shown.querySelectorAll("img")], side = 96, across = shown.closest(".numbers") ? 1 : images.length;
  const canvas = Object.assign(document.createElement("canvas"), { width: side * across, height: side * images.length / across });
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = across > 1;
  images.forEach((image, i) => pen.drawImage(image, side * (i % across), side * Math.floor(i / across), side, side));
  return { picture: canvas, width: canvas.width, height: canvas.height, words: [] };
};

const sheet = async (title) => {
  const root = element.closest(".tabitem") ?? document, style = getComputedStyle(document.body);
  const shown = [...root.querySelectorAll("figure.chart, .evidence-pairs figure")].filter((one) => one.getClientRects().length && !one.closest("details:not([open])"));
  const places = [];
  let x = GAP, y = 70, row = 0;
  for (const one of await Promise.all(shown.map(cell))) {
    const head = 18 * one.words.length;
    if (x + one.width > WIDTH - GAP) [x, y, row] = [GAP, y + row + GAP, 0];
    places.push({ ...one, x, y, head });
    x += one.width + GAP;
    row = Math.max(row, one.height + head);
  }
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: y + row + GAP });
  const pen = canvas.getContext("2d");
  pen.fillStyle = style.backgroundColor;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = style.color;
  pen.font = "bold 22px sans-serif";
  pen.fillText(title, GAP, 42);
  for (const { picture, x, y, width, height, words, head } of places) {
    words.forEach((line, i) => {
      pen.font = (i ? "" : "bold ") + "13px sans-serif";
      pen.fillText(line, x, y + 14 + 18 * i, width);
    });
    pen.drawImage(picture, x, y + head, width, height);
  }
  return canvas.toDataURL("image/png");
};

element.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-png]");
  if (!button) return;
  const name = button.dataset.png, url = await sheet(name.replace(/^evidence-|\.png$/g, ""));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
});
