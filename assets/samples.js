// Runs once for the sample grids: shows what `props.value` says (dtn_core/ui/train/views.py, samples) and lets one scrub back.
const LARGEST = 2.5;  // times its pixels: a grid of few columns would fill the page
const find = (name) => element.querySelector(name);
const range = find("input");
const make = (kind, text) => {
  const made = document.createElement(kind);
  made.textContent = text || "";
  return made;
};

const figure = (side) => {
  const made = make("figure");
  const caption = make("figcaption", side.name);
  caption.append(make("i", "step " + side.step.toLocaleString("en")));
  const rows = make("ol");
  rows.append(...side.rows.map((name) => make("li", name)));
  const grid = make("div");
  const picture = make("img");
  picture.addEventListener("load", () => { picture.style.maxWidth = LARGEST * picture.naturalWidth + "px"; });
  picture.src = side.url;
  picture.alt = "Samples of " + side.name + " at step " + side.step;
  grid.append(rows, picture);
  made.append(caption, grid);
  return made;
};

const label = (value) => {
  const step = value.steps[range.value];
  find("output").textContent = "step " + step.toLocaleString("en") + " · " + (Number(range.value) + 1) + " of " + value.steps.length;
  find(".newest").hidden = Number(range.value) === value.steps.length - 1;
};

const show = () => {
  const value = props.value;
  find(".samples").hidden = !value;
  if (!value) return;
  const sides = find(".sample-sides");
  sides.replaceChildren(...value.sides.map(figure));
  sides.classList.toggle("two", value.sides.length > 1);
  range.max = value.steps.length - 1;
  range.disabled = value.steps.length < 2;
  if (document.activeElement !== range || value.follow || !held) range.value = value.at;
  label(value);
};

let held = false;
range.addEventListener("pointerdown", () => { held = true; });
range.addEventListener("pointerup", () => { held = false; });

const scrub = () => {
  const last = Number(range.value) === props.value.steps.length - 1;
  label(props.value);
  trigger("scrub", { step: props.value.steps[range.value], follow: last });
};

range.addEventListener("input", scrub);
find(".newest").addEventListener("click", () => {
  range.value = range.max;
  scrub();
});
watch("value", show);
show();
