/** The style picker: a radio group with one tab stop, whose thumbnails show the face of the current photo. */

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** @param {import("./dom.js").Component} component its value is the key of a style */
export function mount({ element, props, trigger, server }) {
  const styles = [...element.querySelectorAll(".style")];
  const more = element.querySelector(".more-styles");
  let currentPhoto = "";
  let request = 0;

  const expand = () => {
    for (const style of styles) style.hidden = false;
    more.hidden = true;
  };

  const mark = (key) => {
    const selected = styles.find((style) => style.dataset.key === key);
    if (selected?.hidden) expand();
    for (const style of styles) {
      style.setAttribute("aria-checked", style === selected);
      style.tabIndex = style === (selected || styles[0]) ? 0 : -1;
    }
  };

  const select = (style) => {
    style.focus();
    if (style.getAttribute("aria-checked") === "true") return;
    mark(style.dataset.key);
    props.value = style.dataset.key;
    trigger("select");
  };

  const showThumbnails = (thumbnails) => {
    for (const style of styles) {
      style.querySelector("img").src = thumbnails[style.dataset.key] || style.dataset.sample;
    }
  };

  element.addEventListener("click", (event) => {
    const style = event.target.closest(".style");
    if (style) select(style);
    if (event.target.closest(".more-styles")) {
      const first = styles.find(({ hidden }) => hidden);
      expand();
      first.focus();
    }
  });

  element.addEventListener("keydown", (event) => {
    const shown = styles.filter(({ hidden }) => !hidden);
    const index = shown.indexOf(event.target.closest(".style"));
    if (index < 0) return;
    let next = index + STEPS[event.key];
    if (event.key === "Home") next = 0;
    if (event.key === "End") next = shown.length - 1;
    if (Number.isNaN(next)) return;
    event.preventDefault();
    select(shown[(next + shown.length) % shown.length]);
  });

  more.hidden = !styles.some(({ hidden }) => hidden);

  window.addEventListener("styles:chosen", (event) => mark(event.detail));

  window.addEventListener("styles:photo", async (event) => {
    const { url, mirror } = event.detail;
    const photo = `${mirror} ${url}`;
    if (photo === currentPhoto) return;  // only the style has changed
    currentPhoto = photo;
    request += 1;
    const mine = request;
    const thumbnails = url ? await server.thumbnails({ url, mirror }).catch(() => ({})) : {};
    if (mine === request) showThumbnails(thumbnails);
  });
}
