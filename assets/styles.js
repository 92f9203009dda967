// Runs once for the styles to pick from: a radio group with one stop for the Tab key, whose pictures become one's face.
const styles = [...element.querySelectorAll(".style")];
let shown = "";  // the photo of the pictures
let latest = 0;

const mark = (key) => {
  const picked = styles.find((style) => style.dataset.key === key);
  for (const style of styles) {
    style.setAttribute("aria-checked", style === picked);
    style.tabIndex = style === (picked || styles[0]) ? 0 : -1;
  }
};

const pick = (style) => {
  style.focus();
  if (style.getAttribute("aria-checked") === "true") return;
  mark(style.dataset.key);
  props.value = style.dataset.key;
  trigger("select");
};

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

element.addEventListener("click", (event) => {
  const style = event.target.closest(".style");
  if (style) pick(style);
});

element.addEventListener("keydown", (event) => {
  const at = styles.indexOf(event.target.closest(".style"));
  const to = event.key === "Home" ? 0 : event.key === "End" ? styles.length - 1 : at + STEPS[event.key];
  if (at < 0 || Number.isNaN(to)) return;
  event.preventDefault();
  pick(styles[(to + styles.length) % styles.length]);
});

const show = (pictures) => {
  for (const style of styles) style.querySelector("img").src = pictures[style.dataset.key] || style.dataset.sample;
};

window.addEventListener("styles:chosen", (event) => mark(event.detail));

window.addEventListener("styles:photo", async (event) => {
  const { url, mirror } = event.detail;
  const photo = `${mirror} ${url}`;
  if (photo === shown) return;  // in another style
  shown = photo;
  latest += 1;
  const turn = latest;
  const pictures = url ? await server.thumbnails({ url, mirror }).catch(() => ({})) : {};
  if (turn === latest) show(pictures);
});
