/** The result of a photo: a click on an emoji in the gallery shows that face's steps. */

import { scrollIntoView } from "./dom.js";

/** Narrower pages show the result below the fold. */
const NARROW = 700;

/** @param {import("./dom.js").Component} component */
export function mount({ element, watch }) {
  element.addEventListener("click", (event) => {
    const picked = event.target.closest("[data-pick]");
    if (!picked) return;
    for (const steps of element.querySelectorAll("[data-face]")) {
      steps.hidden = steps.dataset.face !== picked.dataset.pick;
    }
    for (const button of element.querySelectorAll("[data-pick]")) {
      button.setAttribute("aria-pressed", button === picked);
    }
    const face = Number(picked.dataset.pick) - 1;
    window.dispatchEvent(new CustomEvent("avatar:pick", { detail: { face } }));
  });

  watch("value", () => {
    if (window.innerWidth < NARROW) scrollIntoView(element);
  });
}
