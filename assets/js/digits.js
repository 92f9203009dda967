/** The input of digits: a wall to draw on, and example numbers below it. */

import { scrollIntoView } from "./dom.js";
import { createFileInput } from "./picture-input.js";

/** Milliseconds after a stroke before it is sent, so that digits of two strokes are read once. */
const PAUSE = 400;

/** Width of a stroke on the canvas of 256 pixels, about that of street numbers. */
const STROKE_WIDTH = 26;

/** Narrower pages show the result below the fold. */
const NARROW = 700;

/**
 * @param {import("./dom.js").Component} component its value is the data URL of a picture, or null
 * @param {{maxBytes: number}} options
 */
export function mount({ element, props, trigger }, { maxBytes }) {
  const input = createFileInput(element, { maxBytes, take: async ([file]) => send(await input.read(file)) });
  const { find, note } = input;
  const canvas = find("canvas");
  const context = canvas.getContext("2d");
  const colours = [...element.querySelectorAll("[data-wall]")];
  let colour = colours[0];
  let strokes = [];
  let timer = null;

  const paint = () => {
    context.fillStyle = colour.dataset.wall;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.lineCap = "round";
    context.lineJoin = "round";
    context.lineWidth = STROKE_WIDTH;
    context.strokeStyle = colour.dataset.chalk;
    for (const stroke of strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const point of stroke) context.lineTo(...point);
      context.stroke();
    }
    find("prompt").hidden = strokes.length > 0;
    find("prompt").style.color = colour.dataset.chalk;
  };

  const submit = (url) => {
    clearTimeout(timer);
    props.value = url;
    trigger("submit");
  };

  const showResult = () => scrollIntoView(document.querySelector("#reading"));

  const send = (url) => {
    if (!url) return;
    note("");
    strokes = [];
    paint();
    find("preview").src = url;
    find("preview").hidden = false;
    find("prompt").hidden = true;
    submit(url);
    if (window.innerWidth < NARROW) showResult();
  };

  const wipe = () => {
    note("");
    strokes = [];
    find("preview").hidden = true;
    paint();
  };

  const submitDrawing = () => {
    clearTimeout(timer);
    timer = setTimeout(() => submit(canvas.toDataURL("image/png")), PAUSE);
  };

  const position = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * canvas.width;
    const y = (event.clientY - box.top) / box.height * canvas.height;
    return [x, y];
  };

  find("stage").addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    clearTimeout(timer);
    if (!find("preview").hidden) wipe();
    canvas.setPointerCapture(event.pointerId);
    const [x, y] = position(event);
    strokes.push([[x, y], [x + 0.1, y]]);  // a canvas draws no line without a length, and a tap is a dot
    paint();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!event.isPrimary || !canvas.hasPointerCapture(event.pointerId)) return;
    strokes.at(-1).push(position(event));
    paint();
  });
  canvas.addEventListener("lostpointercapture", submitDrawing);

  find("preview").addEventListener("error", wipe);

  const selectColour = (selected) => {
    colour = selected;
    for (const button of colours) button.setAttribute("aria-pressed", button === selected);
    paint();
  };

  element.addEventListener("click", ({ target }) => {
    const selected = target.closest("[data-wall]");
    if (target.closest(".photo-choose")) {
      find("file").click();
    } else if (target.closest(".photo-see")) {
      showResult();
    } else if (target.closest(".photo-clear")) {
      wipe();
      submit(null);
    } else if (selected) {
      selectColour(selected);
      if (strokes.length) submitDrawing();
    }
  });

  document.addEventListener("click", (event) => {
    const example = event.target.closest("#numbers button");
    if (example) send(example.querySelector("img").src);
  });

  for (const button of colours) {
    button.style.background = button.dataset.wall;
    button.style.color = button.dataset.chalk;
    button.textContent = "7";
  }
  selectColour(colour);
}
