/**
 * Training curves: draws them and shows the step and the values under the pointer.
 *
 * The values are read back from the drawn points; data-scale holds the last step, and the least and greatest value.
 */

import { create } from "./dom.js";

/** Margins of a plot, as in dtn_core/ui/tabs/train/curves.py. */
const AXES = { left: 36, right: 8, top: 8, bottom: 20 };

/** Format a value of a curve. */
export function formatValue(value) {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size && size < 1e-3) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** Parse the points of a polyline. */
export function parsePoints(text) {
  return text.split(" ").map((point) => point.split(",").map(Number));
}

/** Return the point nearest to x. */
export function nearestPoint(points, x) {
  return points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best));
}

/** @param {import("./dom.js").Component} component its value is the HTML of the curves */
export function mount({ element, props, watch }) {
  const container = element.querySelector(".curves-place");
  const tip = create("div", { className: "curve-tip", hidden: true });
  const rule = create("div", { className: "curve-rule", hidden: true });
  document.querySelector(".gradio-container").append(tip, rule);
  let pointer = null;
  let pending = null;  // the curve under the pointer, which is redrawn once the pointer has left it

  const hide = () => {
    tip.hidden = true;
    rule.hidden = true;
  };

  const show = (target, clientX, clientY) => {
    const curve = target.closest(".curve");
    const svg = target.closest("svg[data-scale]") || (curve || element).querySelector("svg[data-scale]");
    if (!curve || !svg) return hide();
    const box = svg.getBoundingClientRect();
    const view = svg.viewBox.baseVal;
    const zoom = box.width / view.width;
    const x = (clientX - box.left) / zoom;
    const lines = [...svg.querySelectorAll(".raw")];
    if (x < AXES.left - 6 || clientY < box.top || !lines.length) return hide();
    const [lastStep, low, high] = svg.dataset.scale.split(" ").map(Number);
    const width = view.width - AXES.left - AXES.right;
    const height = view.height - AXES.top - AXES.bottom;
    let at = 0;
    const rows = lines.map((line) => {
      const [px, py] = nearestPoint(parsePoints(line.getAttribute("points")), x);
      at = px;
      const value = high - ((py - AXES.top) / height) * (high - low);
      const label = line.dataset.label ? `${line.dataset.label} ` : "";
      return create("div", {
        className: line.getAttribute("class").replace("raw ", ""),
        textContent: label + formatValue(value) + svg.dataset.unit,
      });
    });
    const step = Math.round(((at - AXES.left) / width) * lastStep);
    tip.replaceChildren(create("b", { textContent: `step ${step.toLocaleString("en")}` }), ...rows);
    tip.hidden = false;
    rule.hidden = false;
    const left = box.left + at * zoom;
    rule.style.cssText = `left:${left}px;top:${box.top + AXES.top * zoom}px;height:${height * zoom}px`;
    tip.style.left = Math.min(left + 10, window.innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = Math.max(8, box.top - 6) + "px";
  };

  const follow = (event) => {
    pointer = [event.clientX, event.clientY];
    show(event.target, ...pointer);
  };

  const targetUnderPointer = () => {
    const target = pointer && document.elementFromPoint(...pointer);
    return target && element.contains(target) ? target : null;
  };

  const draw = () => {
    const page = document.createElement("template");
    page.innerHTML = props.value || "";
    const before = [...container.querySelectorAll(".curve")];
    const after = [...page.content.querySelectorAll(".curve")];
    const sameCurves = (
      before.length === after.length && before.every((curve, i) => curve.dataset.name === after[i].dataset.name)
    );
    pending = sameCurves ? targetUnderPointer()?.closest(".curve") : null;
    if (!pending) {
      container.replaceChildren(page.content);
      hide();
      return;
    }
    before.forEach((curve, i) => {
      if (curve !== pending) curve.replaceWith(after[i]);
    });
  };

  const leave = () => {
    pointer = null;
    hide();
    if (pending) draw();
  };

  element.addEventListener("pointermove", (event) => {
    if (pending && !pending.contains(event.target)) leave();
    follow(event);
  });
  element.addEventListener("pointerdown", follow);
  element.addEventListener("pointerleave", leave);
  window.addEventListener("scroll", () => {
    const target = targetUnderPointer();
    if (target) show(target, ...pointer);
    else leave();
  }, { passive: true });
  watch("value", draw);
  draw();
}
