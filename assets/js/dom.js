/** Helpers for building and updating the page. */

/**
 * The arguments that gradio passes to a component's script.
 *
 * @typedef {object} Component
 * @property {HTMLElement} element root of the component
 * @property {{value: any}} props its value, as Python set it or as the script sets it
 * @property {(event: string, data?: object) => void} trigger fires one of its events
 * @property {(name: string, callback: () => void) => void} watch calls back when Python changes a property
 * @property {Record<string, (values: object) => Promise<any>>} server its server functions
 */

/**
 * Create an element.
 *
 * @param {string} tag
 * @param {Record<string, any>} [properties] properties, or attributes where the element has no such property
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function create(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && name !== "style") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** @returns {HTMLCanvasElement} */
export function createCanvas(width, height) {
  return create("canvas", { width, height });
}

/** Save a URL as a file. */
export function download(url, name) {
  create("a", { href: url, download: name }).click();
}

/** Save a blob as a file. */
export function downloadBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  download(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Scroll an element into view, without animation for those who prefer reduced motion. */
export function scrollIntoView(element, block = "start") {
  const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ behavior: reduced ? "auto" : "smooth", block });
}

/** Capitalise the first letter. */
export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @returns {string} a data URL of an SVG document */
export function svgUrl(svg) {
  return "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
}

/** @returns {Promise<HTMLImageElement>} the image, once it is decoded */
export function loadImage(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = reject;
    image.src = url;
  });
}

/** @returns {Promise<string>} the data URL of a file */
export function readAsDataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = reject;
    reader.readAsDataURL(blob);
  });
}

/** @returns {string} address of the app, with a slash at its end; behind a proxy it may have a path */
export function appAddress() {
  const root = window.gradio_config?.root || location.origin + location.pathname;
  return root.replace(/\/?$/, "/");
}

/** Whether an element, or one of its parents, is hidden. */
export function isHidden(element) {
  return !element.offsetParent;
}

/**
 * Run a task at most once at a time. Calls during a run lead to one more run after it.
 *
 * @param {() => Promise<void>} task
 */
export function coalesce(task) {
  let isRunning = false;
  let runAgain = false;
  return async function run() {
    if (isRunning) {
      runAgain = true;
      return;
    }
    isRunning = true;
    await task();
    isRunning = false;
    if (!runAgain) return;
    runAgain = false;
    run();
  };
}
