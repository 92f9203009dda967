/** How a result was made: shows the steps of the face that is picked in the editor, and stays open or closed. */

/** @param {import("./dom.js").Component} component */
export function mount({ element, watch }) {
  let isOpen = false;

  element.addEventListener("toggle", ({ target }) => { isOpen = target.open; }, true);

  window.addEventListener("avatar:pick", ({ detail: { face } }) => {
    for (const steps of element.querySelectorAll("[data-face]")) {
      steps.hidden = Number(steps.dataset.face) !== face + 1;
    }
  });

  watch("value", () => {
    const details = element.querySelector("details");
    if (details) details.open = isOpen;
  });
}
