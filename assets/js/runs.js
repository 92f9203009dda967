/** The list of training runs: selection, ages that stay up to date, and a search field. */

import { create, isHidden } from "./dom.js";

/** Number of runs from which the search field is shown. */
const MIN_RUNS_FOR_SEARCH = 8;

/** Milliseconds between updates of the ages. */
const UPDATE_INTERVAL = 20000;

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

/**
 * Format an age.
 *
 * @param {number} seconds
 * @returns {string} such as "3 h ago"
 */
export function formatAge(seconds) {
  for (const [size, unit] of UNITS) {
    const count = Math.floor(seconds / size);
    if (count) return `${count} ${unit} ago`;
  }
  return "just now";
}

/** @param {import("./dom.js").Component} component */
export function mount({ element, trigger }) {
  const search = create("input", { type: "search", className: "run-search", placeholder: "Search runs" });
  search.setAttribute("aria-label", search.placeholder);
  const message = create("p", { className: "run-nothing", role: "status" });

  element.addEventListener("click", (event) => {
    const row = event.target.closest("[data-run]");
    if (row) trigger("pick", { run: row.dataset.run });
  });

  setInterval(() => {
    if (isHidden(element)) return;
    for (const time of element.querySelectorAll("time")) {
      if (time.dataset.at > 0) time.textContent = formatAge(Date.now() / 1000 - time.dataset.at);
    }
  }, UPDATE_INTERVAL);

  const filter = () => {
    const rows = [...element.querySelectorAll("[data-run]")];
    search.hidden = rows.length < MIN_RUNS_FOR_SEARCH;
    const terms = search.hidden ? [] : search.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !terms.every((term) => text.includes(term));
    }
    const noMatch = rows.length && rows.every((row) => row.hidden);
    message.textContent = noMatch ? "No matching runs." : "";
  };

  search.addEventListener("input", filter);
  element.before(search);
  element.after(message);
  new MutationObserver(filter).observe(element, { childList: true, subtree: true });
  filter();
}
