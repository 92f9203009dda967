/** What there is to say about a photo's result: on narrow pages, it is scrolled into view. */

import { scrollIntoView } from "./dom.js";

/** Narrower pages show the result below the fold. */
const NARROW = 700;

/** @param {import("./dom.js").Component} component */
export function mount({ element, watch }) {
  watch("value", () => {
    if (window.innerWidth < NARROW && element.querySelector(".message")) scrollIntoView(element);
  });
}
