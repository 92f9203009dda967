/** The sample grids of a run, with a slider over its steps. The value: see `samples` in dtn_core/ui/tabs/train/views.py. */

import { create } from "./dom.js";

/** Maximum enlargement of a grid: one with few columns would fill the page. */
const MAX_ENLARGEMENT = 2.5;

const formatStep = (step) => "step " + step.toLocaleString("en");

/** Render the grid of one run. */
function createFigure(side) {
  const caption = create("figcaption", {}, side.name, create("i", { textContent: formatStep(side.step) }));
  const rows = create("ol", {}, ...side.rows.map((name) => create("li", { textContent: name })));
  const picture = create("img");
  picture.addEventListener("load", () => {
    picture.style.maxWidth = `${MAX_ENLARGEMENT * picture.naturalWidth}px`;
  });
  picture.src = side.url;
  picture.alt = `Samples of ${side.name} at step ${side.step}`;
  return create("figure", {}, caption, create("div", {}, rows, picture));
}

/** @param {import("./dom.js").Component} component */
export function mount({ element, props, trigger, watch }) {
  const find = (selector) => element.querySelector(selector);
  const range = find("input");
  const newest = find(".newest");
  let dragging = false;

  const isNewest = () => Number(range.value) === props.value.steps.length - 1;

  const showLabel = () => {
    const { steps } = props.value;
    const position = Number(range.value) + 1;
    find("output").textContent = `${formatStep(steps[range.value])} · ${position} of ${steps.length}`;
    newest.hidden = isNewest();
  };

  const show = () => {
    const { value } = props;
    find(".samples").hidden = !value;
    if (!value) return;
    const sides = find(".sample-sides");
    sides.replaceChildren(...value.sides.map(createFigure));
    sides.classList.toggle("two", value.sides.length > 1);
    range.max = value.steps.length - 1;
    range.disabled = value.steps.length < 2;
    if (document.activeElement !== range || value.follow || !dragging) range.value = value.at;
    showLabel();
  };

  const scrub = () => {
    showLabel();
    trigger("scrub", { step: props.value.steps[range.value], follow: isNewest() });
  };

  range.addEventListener("pointerdown", () => { dragging = true; });
  range.addEventListener("pointerup", () => { dragging = false; });
  range.addEventListener("input", scrub);
  newest.addEventListener("click", () => {
    range.value = range.max;
    scrub();
  });
  watch("value", show);
  show();
}
