// Runs once for the curves: draws them, and shows the step and the values under the pointer. The numbers are read back
// from the drawn points; data-scale holds the last step and the least and greatest value of the axes.
const AXES = { left: 36, right: 8, top: 8, bottom: 20 };
const place = element.querySelector(".curves-place");
const tip = document.createElement("div");
const rule = document.createElement("div");
tip.className = "curve-tip";
rule.className = "curve-rule";
tip.hidden = rule.hidden = true;
document.querySelector(".gradio-container").append(tip, rule);

const hide = () => { tip.hidden = rule.hidden = true; };

const words = (value) => {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return size && size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
};

const nearest = (line, x) => {
  const points = line.getAttribute("points").split(" ").map((point) => point.split(",").map(Number));
  return points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best));
};

const show = (target, clientX, clientY) => {
  const svg = target.closest("svg[data-scale]") || (target.closest(".curve") || element).querySelector("svg[data-scale]");
  if (!target.closest(".curve") || !svg) return hide();
  const box = svg.getBoundingClientRect();
  const view = svg.viewBox.baseVal;
  const zoom = box.width / view.width;
  const x = (clientX - box.left) / zoom;
  const lines = [...svg.querySelectorAll(".raw")];
  if (x < AXES.left - 6 || clientY < box.top || !lines.length) return hide();
  const [last, low, high] = svg.dataset.scale.split(" ").map(Number);
  const wide = view.width - AXES.left - AXES.right;
  const tall = view.height - AXES.top - AXES.bottom;
  let at = 0;
  const rows = lines.map((line) => {
    const [px, py] = nearest(line, x);
    at = px;
    const row = document.createElement("div");
    const value = high - ((py - AXES.top) / tall) * (high - low);
    row.className = line.getAttribute("class").replace("raw ", "");
    row.textContent = (line.dataset.label ? line.dataset.label + " " : "") + words(value) + svg.dataset.unit;
    return row;
  });
  const head = document.createElement("b");
  head.textContent = "step " + Math.round(((at - AXES.left) / wide) * last).toLocaleString("en");
  tip.replaceChildren(head, ...rows);
  tip.hidden = rule.hidden = false;
  const left = box.left + at * zoom;
  rule.style.cssText = `left:${left}px;top:${box.top + AXES.top * zoom}px;height:${tall * zoom}px`;
  tip.style.left = Math.min(left + 10, window.innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.max(8, box.top - 6) + "px";
};

let pointer = null;
const look = (event) => {
  pointer = [event.clientX, event.clientY];
  show(event.target, ...pointer);
};
const pointedAt = () => {
  const target = pointer && document.elementFromPoint(...pointer);
  return target && element.contains(target) ? target : null;
};

// While a run goes on, curves are drawn anew, all but the one under the pointer: that one waits until it is left.
let kept = null;
const draw = () => {
  const page = document.createElement("template");
  page.innerHTML = props.value || "";
  const before = [...place.querySelectorAll(".curve")];
  const after = [...page.content.querySelectorAll(".curve")];
  const alike = before.length === after.length && before.every((old, i) => old.dataset.name === after[i].dataset.name);
  const under = pointedAt();
  kept = alike && under && under.closest(".curve");
  if (kept) {
    before.forEach((old, i) => { if (old !== kept) old.replaceWith(after[i]); });
  } else {
    place.replaceChildren(page.content);
    hide();
  }
};
const leave = () => {
  pointer = null;
  hide();
  if (kept) draw();
};

element.addEventListener("pointermove", (event) => {
  if (kept && !kept.contains(event.target)) leave();
  look(event);
});
element.addEventListener("pointerdown", look);
element.addEventListener("pointerleave", leave);
window.addEventListener("scroll", () => {
  const target = pointedAt();
  if (target) show(target, ...pointer);
  else leave();
}, { passive: true });
watch("value", draw);
draw();
