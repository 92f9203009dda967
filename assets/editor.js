// Runs once for the editor. `state` is what is edited: {id, name, key, mirror, face, faces}; a face has parameters,
// chosen (by the network), sure, likely, edited (names of what was changed by hand), svg, and its undo and redo.
const KEPT = "dtn-avatars";  // in sessionStorage: outlives a reload, not the tab
const find = (name) => element.querySelector(name);
const section = find(".editor"), panel = find(".editor-panel"), tabs = find(".editor-tabs");
let state = null;
let info = null;  // of the style
let open = "";  // the tab
let seed = 0;
let restored = false;
const known = {};  // style → info
const sheets = {};  // style/slot → url

const face = () => state.faces[state.face];
const copy = (value) => JSON.parse(JSON.stringify(value));
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const svgUrl = (svg) => "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
const say = (text, wrong = false) => {
  const [inside, below] = element.querySelectorAll(".editor-status");
  inside.textContent = section.hidden ? "" : text;
  below.textContent = section.hidden ? text : "";
  for (const one of [inside, below]) one.classList.toggle("wrong", wrong);
};

const ask = async (name, values) => {
  let answer;
  try {
    answer = await server[name](values);
  } catch (error) {
    answer = { error: "The app does not respond. Is it still running?" };
  }
  if (answer.error) say(answer.error, true);
  return answer;
};

const get = (name) => {
  const { variants, colours, shape } = face().parameters;
  const [kind, part] = name.includes(":") ? name.split(":") : ["variant", name];
  return { variant: variants, colour: colours, shape }[kind][part];
};

const put = (parameters, name, value) => {
  const [kind, part] = name.includes(":") ? name.split(":") : ["variant", name];
  ({ variant: parameters.variants, colour: parameters.colours, shape: parameters.shape })[kind][part] = value;
};

const keep = (value) => {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(value));
  } catch (error) { /* full or forbidden: a reload forgets */ }
};

// What changed goes to the page's storage, to live video, to whoever opened it, and, unless quiet, to the photo's other
// views.
let later = null;
const publish = (index, quiet = false) => {
  const { id, name, key, mirror } = state;
  const kept = state.faces.map(({ undo, redo, ...rest }) => rest);
  keep({ id, name, key, mirror, face: state.face, faces: kept });
  props.value = JSON.stringify({ mine: true, id, faces: kept.map(({ parameters, edited, box }) => ({ parameters, edited, box })) });
  const { parameters, svg, edited } = state.faces[index];
  window.dispatchEvent(new CustomEvent("avatar:edited", { detail: { id, face: index, parameters, svg, edited, quiet } }));
  if (id !== "photo" || restored || quiet) return;
  const picked = document.querySelector(`#steps [data-pick="${index + 1}"] img`);
  if (picked) picked.src = svgUrl(svg);
  clearTimeout(later);
  later = setTimeout(() => trigger("submit"), 600);
};

const show = () => {
  if (!state) return;
  const now = face(), focused = document.activeElement;
  find(".editor-avatar").src = svgUrl(now.svg);
  find(".editor-avatar").alt = `Avatar of face ${state.face + 1}, drawn`;
  find('[data-do="undo"]').disabled = !now.undo.length;
  find('[data-do="redo"]').disabled = !now.redo.length;
  find('[data-do="reset"]').disabled = same(now.parameters, now.chosen);
  find('[data-do="more"]').hidden = !Object.keys(now.likely || {}).length || now.parameters.style !== now.chosen.style;
  if (focused.disabled) find(".editor-actions button:not(:disabled)").focus();  // a disabled button would lose it
  find('[data-do="zip"]').hidden = state.faces.length < 2;
  const said = Object.entries(now.sure || {});
  find(".editor-sure").hidden = !said.length;
  find(".chosen").replaceChildren(...said.map(([label, p]) => {
    const item = document.createElement("li");
    item.append(`${label} `, Object.assign(document.createElement("b"), { textContent: `${Math.round(100 * p)}%` }));
    return item;
  }));
};

// One drawing is asked for at a time; of what is changed meanwhile the newest is drawn next.
let drawing = false, waiting = null;
const redraw = async () => {
  const [target, index, wanted] = [state, state.face, copy(face().parameters)];
  if (drawing) return (waiting = true);
  drawing = true;
  const answer = await ask("draw", { parameters: wanted });
  drawing = false;
  if (answer.svg && target === state) {
    state.faces[index].svg = answer.svg;
    publish(index);
    show();
  }
  if (waiting) { waiting = null; redraw(); }
};

let last = { name: "", at: 0 };
const change = (name, value, label) => {
  const now = face();
  if (get(name) === value) return;
  const together = last.name === name && performance.now() - last.at < 800;  // a slider is dragged: one step back
  last = { name, at: performance.now() };
  if (!together) now.undo.push(copy({ parameters: now.parameters, edited: now.edited }));
  now.redo = [];
  put(now.parameters, name, value);
  if (!now.edited.includes(name)) now.edited.push(name);
  say(label || "");
  redraw();
};

const become = (parameters, edited, label) => {
  const now = face();
  last = { name: "", at: 0 };
  now.undo.push(copy({ parameters: now.parameters, edited: now.edited }));
  now.redo = [];
  Object.assign(now, { parameters: copy(parameters), edited: [...edited] });
  say(label);
  redraw();
  describe().then(render);
};

const step = (from, to, label) => {
  const now = face(), before = now[from].pop();
  if (!before) return;
  last = { name: "", at: 0 };
  now[to].push(copy({ parameters: now.parameters, edited: now.edited }));
  Object.assign(now, before);
  say(label);
  redraw();
  describe().then(render);
};

const describe = async () => {
  const style = face().parameters.style;
  if (!known[style]) {
    const answer = await ask("describe", { style });
    if (answer.error) return;
    known[style] = answer;
  }
  if (state && face().parameters.style === style) info = known[style];  // another may be edited by now
};

const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made && name !== "style") made[name] = value; else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};

// How sure the network is that the face has what is chosen now: of its kind ("short hair"), or of the variant itself.
const surety = (name) => {
  const now = face(), p = (now.likely || {})[name];
  if (!p || now.parameters.style !== now.chosen.style) return "";
  const value = get(name), slot = info.slots.find((one) => one.name === name);
  const kind = slot && Object.entries(slot.kinds).find(([, variants]) => variants.includes(value));
  const sum = (kind ? kind[1] : [value]).reduce((total, one) => total + (p[one] || 0), 0);
  const what = kind ? kind[0] : "this one";
  return `The network’s probability of ${what === "none" ? "none" : what}: ${Math.round(100 * sum)}%`;
};

const colourRow = (palette) => {
  const name = `colour:${palette.name}`, value = get(name), rows = make("div", { className: "swatches" });
  for (const code of palette.colours) {
    const input = make("input", { type: "radio", name, value: code, checked: code === value });
    input.setAttribute("aria-label", `${palette.label} ${code}`);
    rows.append(make("label", { className: "swatch", title: code, style: `--ink: ${code}` }, input));
  }
  const free = make("input", { type: "color", value, title: "Any colour" });
  free.dataset.name = name;
  free.setAttribute("aria-label", `${palette.label}, any colour`);
  rows.append(free);
  return make("fieldset", {}, make("legend", { textContent: palette.label }), rows,
    make("p", { className: "surety", textContent: surety(name) }));
};

const shapeRow = (shape) => {
  const name = `shape:${shape.name}`;
  const input = make("input", { type: "range", min: -1, max: 1, step: 0.05 });
  input.value = get(name);
  input.dataset.name = name;
  return make("label", { className: "slider" }, make("span", { textContent: shape.label }), input);
};

const previews = (slot, label, labels, isChecked, values) => {
  const style = info.name, key = `${style}/${slot}`;
  const group = make("fieldset", { className: "previews" }, make("legend", { textContent: label }));
  labels.forEach((text, i) => {
    const input = make("input", { type: "radio", name: `slot:${slot}`, value: values[i], checked: isChecked(values[i], i) });
    input.setAttribute("aria-label", text);
    const picture = make("span", { className: "preview", style: `--n: ${labels.length}; --i: ${i}` });
    group.append(make("label", { title: text }, input, picture));
  });
  const paint = (url) => group.style.setProperty("--sheet", `url("${url}")`);
  if (sheets[key]) paint(sheets[key]);
  else ask("preview", { style, slot }).then((answer) => { if (answer.url) paint(sheets[key] = answer.url); });
  return group;
};

const pages = () => [
  { id: "expression", label: "Expression" },
  ...info.slots.map((slot) => ({ id: slot.name, label: slot.label, slot })),
  { id: "colours", label: "Colours" },
  ...(info.shapes.length ? [{ id: "shape", label: "Shape" }] : []),
];

const render = () => {
  if (!state || !info) return;
  const all = pages();
  if (!all.some((page) => page.id === open)) open = (all.find((page) => ["top", "hair"].includes(page.id)) || all[0]).id;
  tabs.replaceChildren(...all.map((page) => {
    const button = make("button", { type: "button", textContent: page.label, id: `editor-tab-${page.id}` });
    button.dataset.page = page.id;
    button.setAttribute("role", "tab");
    button.setAttribute("aria-selected", page.id === open);
    button.tabIndex = page.id === open ? 0 : -1;
    return button;
  }));
  const page = all.find((one) => one.id === open);
  panel.setAttribute("aria-labelledby", `editor-tab-${page.id}`);
  let parts;
  if (page.id === "expression") {
    const names = Object.keys(info.expressions);
    const worn = (name) => Object.entries(info.expressions[name]).every(([slot, variant]) => get(slot) === variant);
    parts = [previews("expression", page.label, names.map((n) => n[0].toUpperCase() + n.slice(1)), worn, names)];
  } else if (page.id === "colours") parts = info.palettes.map(colourRow);
  else if (page.id === "shape") parts = info.shapes.map(shapeRow);
  else {
    parts = [previews(page.id, page.label, info.labels[page.id], (value) => value === get(page.id), page.slot.variants)];
    parts.push(make("p", { className: "surety", textContent: surety(page.id) }));
    const own = { top: ["hair", "hat"], hair: ["hair"], rearHair: ["hair"], facialHair: ["beard"], beard: ["beard"],
      accessories: ["glasses"] }[page.id] || [page.id];
    parts.push(...info.palettes.filter((palette) => own.includes(palette.name)).map(colourRow));
  }
  panel.replaceChildren(...parts);
  const row = panel.querySelector(".previews"), worn = row && row.querySelector("label:has(:checked)");
  if (worn) row.scrollTop = worn.offsetTop - row.offsetTop - row.clientHeight / 2;
  find(".credit").textContent = `Style: ${info.title} by ${info.artist}, ${info.terms}, drawn by DiceBear`;
};

const load = async (given) => {
  clearTimeout(later);
  const faces = given.faces.map((one) => ({ edited: [], undo: [], redo: [], sure: {}, likely: {}, ...one }));
  if (!faces.length) {
    if (given.key === "") {  // cleared
      state = null;
      keep(null);
    }
    section.hidden = true;
    find(".editor-open").hidden = false;
    return;
  }
  const before = state && state.key && state.key === given.key ? [...state.faces] : [];
  if (before.length && given.mirror !== state.mirror) before.reverse();
  const mine = { ...given, faces, face: Math.min(given.face || 0, faces.length - 1) };
  state = mine;
  find(".editor-more").hidden = true;
  for (const [i, now] of faces.entries()) {  // the same photo again: what was edited stays
    const was = before.length === faces.length && before[i];
    if (was && was.edited.length) {
      const answer = await ask("carry_over", { edited: was.edited, source: was.parameters, target: now.parameters });
      if (answer.parameters) Object.assign(now, answer);
    } else if (!now.svg) {
      const answer = await ask("draw", { parameters: now.parameters });
      if (answer.error) return;
      Object.assign(now, answer);
    }
  }
  if (state === mine) await describe();
  if (state !== mine) return;  // another came meanwhile
  section.hidden = false;
  find(".editor-open").hidden = true;
  render();
  show();
  state.faces.forEach((now, i) => { if (now.edited.length || i === state.face) publish(i, !now.edited.length); });
};

const background = () => {
  const value = find('[name="background"]').value;
  return value === "own" ? find('[name="paper"]').value : value || null;
};

const written = async (format, size) => {
  const options = format === "json" ? {} : { background: format === "webp" ? null : background() };
  const answer = await ask("write", { parameters: face().parameters, format, size: size || Number(find('[name="size"]').value), ...options });
  return answer.url;
};

const blobOf = async (url) => {
  const [head, data] = url.split(",");
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5).split(";")[0] });
};

const download = async (format, size) => {
  const name = fileName(format), url = await written(format, size);  // meanwhile another may be edited
  if (url) save(url, name);
};

const save = (url, name) => make("a", { href: url, download: name }).click();

const actions = {
  undo: () => step("undo", "redo", "Undone."),
  redo: () => step("redo", "undo", "Redone."),
  reset: () => become(face().chosen, [], "Reset to the network’s choice."),
  more: async () => {
    const { parameters, likely, edited } = face();
    const answer = await ask("more", { parameters, likely, keep: edited, seed: ++seed });
    if (answer.error) return;
    const row = find(".editor-more");
    row.replaceChildren(...answer.avatars.map((one, i) => {
      const button = make("button", { type: "button" }, make("img", { src: svgUrl(one.svg), alt: `Alternative ${i + 1}` }));
      button.addEventListener("click", () => become(one.parameters, face().edited, `Selected alternative ${i + 1}.`));
      return button;
    }));
    row.hidden = false;
    say(answer.avatars.length ? `${answer.avatars.length} alternatives: choose one.` : "The network is confident: there are no alternatives.");
  },
  png: () => download("png"),
  svg: () => download("svg"),
  webp: () => download("webp", 512),
  json: () => download("json"),
  copy: async () => {
    try {
      const picture = written("png").then(blobOf);
      await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
      say("Copied as PNG.");
    } catch (error) {
      say("The browser does not allow copying. Download the PNG instead.", true);
    }
  },
  share: async () => {
    const name = fileName("png"), url = await written("png");
    if (!url) return;
    const file = new File([await blobOf(url)], name, { type: "image/png" });
    try { await navigator.share({ files: [file] }); } catch (error) { /* closed by the person */ }
  },
  zip: async () => {
    const avatars = state.faces.map(({ parameters }, i) => ({ name: `face-${i + 1}`, parameters }));
    const answer = await ask("pack", { avatars, size: Number(find('[name="size"]').value) });
    if (answer.url) save(answer.url, "emoji.zip");
  },
  open: () => find(".editor-file").click(),
};
const fileName = (suffix) => `emoji-${state.face + 1}.${suffix}`;

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) return actions[button.dataset.do]();
  const tab = event.target.closest("[data-page]");
  if (tab) { open = tab.dataset.page; render(); find(`[data-page="${open}"]`).focus(); }
});

tabs.addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const all = [...tabs.children], at = all.findIndex((tab) => tab.dataset.page === open);
  const next = by ? (at + by + all.length) % all.length : { Home: 0, End: all.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  all[next].click();
});

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || section.hidden || !element.offsetParent) return;
  if (event.target.matches("textarea, [type=text], [type=number]")) return;
  event.preventDefault();
  actions[event.shiftKey ? "redo" : "undo"]();
});

panel.addEventListener("input", (event) => {
  const { type, name, value, dataset } = event.target;
  if (type === "range") return change(dataset.name, Number(value));
  if (type === "color") return change(dataset.name, value, `${dataset.name.slice(7)} colour ${value}`);
  if (name.startsWith("colour:")) {
    change(name, value, `${name.slice(7)} colour ${value}`);
    panel.querySelector(`[data-name="${name}"]`).value = value;
  } else if (name === "slot:expression") {
    const wanted = info.expressions[value], parameters = copy(face().parameters);
    Object.assign(parameters.variants, wanted);
    const now = face();
    now.undo.push(copy({ parameters: now.parameters, edited: now.edited }));
    Object.assign(now, { parameters, redo: [], edited: [...new Set([...now.edited, ...Object.keys(wanted)])] });
    say(event.target.getAttribute("aria-label"));
    redraw();
  } else {
    change(name.slice(5), value, event.target.getAttribute("aria-label"));
    const said = panel.querySelector(".surety");
    if (said) said.textContent = surety(name.slice(5));
  }
});

find('[name="background"]').addEventListener("change", (event) => { find('[name="paper"]').hidden = event.target.value !== "own"; });

find(".editor-file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  if (file.size > 100000) return say(`${(file.size / 1e6).toFixed(1)} MB is too large for an avatar. Open a JSON file that was exported here.`, true);
  const answer = await ask("read", { text: await file.text() });
  if (answer.error) return;
  if (state) become(answer.parameters, [], "Opened.");
  else load({ id: "file", name: file.name, key: "file", faces: [{ ...answer, chosen: answer.parameters }] });
});

window.addEventListener("avatar:pick", (event) => {
  if (!state || state.id !== "photo" || !state.faces[event.detail.face]) return;
  state.face = event.detail.face;
  find(".editor-more").hidden = true;
  describe().then(() => { render(); show(); if (state) publish(state.face, true); });
});

// Others borrow the editor: by a `place` in the page that they close again, or by opening the photo's.
const home = element.parentNode;
let aside = null;  // {state}: what was edited before the editor was borrowed

const giveBack = () => {
  if (!aside) return;
  home.append(element);
  [state, aside] = [aside.state, null];
  section.hidden = !state;
  find(".editor-open").hidden = !section.hidden;
  if (!state) return keep(null);
  publish(state.face, true);
  describe().then(() => { render(); show(); });
};

window.addEventListener("avatar:close", giveBack);

window.addEventListener("avatar:edit", async (event) => {
  const { place, ...given } = event.detail;
  restored = false;
  if (place) {
    aside ??= { state };
    place.append(element);
  } else {
    giveBack();
    const photo = document.querySelector(".modes [role=tab]");
    if (photo) photo.click();
  }
  await load({ key: given.id, ...copy(given) });
  const now = find(".editor-tabs [aria-selected=true]");
  if (now) now.focus({ preventScroll: true });
  element.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: place ? "nearest" : "center" });
});

watch("value", () => {
  let given;
  try { given = JSON.parse(props.value); } catch (error) { return; }
  if (!given || given.mine) return;
  giveBack();
  restored = false;
  say("");
  load(given);
});

if (navigator.canShare && navigator.canShare({ files: [new File([], "a.png", { type: "image/png" })] })) find('[data-do="share"]').hidden = false;
try {
  const kept = JSON.parse(sessionStorage.getItem(KEPT));
  if (kept && kept.faces.length) { restored = true; load(kept); }
} catch (error) { /* nothing kept */ }
