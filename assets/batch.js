// Runs once for many photos, after files.js and zip.js. Photos are scaled down here and sent one by one, IN_FLIGHT at a
// time; `props.value` is [style, drawn or painted] as chosen above. Nothing outlives the page.
const IN_FLIGHT = 2;
const LONGEST = 1600;  // pixels
const AS_IT_IS = 600000;  // bytes of a small photo that is sent as it is
const PICTURE = /\.(jpe?g|jfif|png|webp|bmp|gif|tiff?|avif|hei[cf])$/i;
const items = [];  // {id, name, blob, card, faces, made: by which choice, state: waiting | working | done, seen: was done before}
const RETRIED = ["busy", "out_of_memory"];  // codes of errors that pass
const NO_ANSWER = "No answer from the server. Try again.";
let workers = 0;
let last = 0;
let cancelled = false;

const choice = () => JSON.stringify(props.value);
const waiting = () => items.filter((item) => item.state === "waiting");
const done = () => items.filter((item) => item.state === "done");
const emoji = () => done().flatMap((item) => item.faces.map((face, index) => ({
  ...face, style: JSON.parse(item.made)[0], name: item.faces.length > 1 ? item.name.replace(/(\.\w+)?$/, "-" + (index + 1) + "$1") : item.name,
})));
const make = (tag, name, text = "") => Object.assign(document.createElement(tag), { className: name, textContent: text });
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// What came

const take = async (files) => {
  const [found, notes] = [[], []];
  for (const file of files) {
    if (!/\.zip$/i.test(file.name)) {
      found.push({ name: file.name, size: file.size, blob: async () => file });
      continue;
    }
    try {
      found.push(...await unzip(file));
    } catch (error) {
      notes.push(file.name + ": " + (error.forPeople ? error.message : "the browser could not read it. Choose it again."));
    }
  }
  const pictures = found.filter((one) => PICTURE.test(one.name));
  const skipped = found.length - pictures.length;
  const more = Math.max(0, pictures.length - (MAX_PICTURES - items.length));
  if (skipped) notes.push((skipped === 1 ? "1 file is not a picture and was" : skipped + " files are not pictures and were") + " skipped.");
  if (more) notes.push("At most " + MAX_PICTURES + " photos at once: " + more + " were skipped. Clear the list, then add them.");
  if (!found.length && !notes.length) notes.push("It contains no photos. Choose other files.");
  note(notes.join(" "));
  for (const one of pictures.slice(0, pictures.length - more)) add(one);
  run();
};

const add = ({ name, size, blob }) => {
  const card = make("li", "batch-card pending");
  const short = name.split("/").pop();
  const title = make("div", "batch-name");
  title.append(Object.assign(make("strong", "", short), { title: name }));
  card.append(title, make("p", "batch-note", "Waiting"));
  find("sheet").append(card);
  items.push({ id: "batch-" + last++, name: short, size, blob, card, faces: [], made: null, state: "waiting" });
};

// One photo after the other

const run = () => {
  cancelled = false;
  while (workers < Math.min(IN_FLIGHT, workers + waiting().length)) work();
  show();
};

const work = async () => {
  workers++;
  for (let item; (item = waiting()[0]); ) {
    item.state = "working";
    const made = choice();
    const answer = await draw(item).catch((error) => ({ error: error.forPeople ? error.message : "The browser could not read this file." }));
    if (answer || !item.faces.length) {
      item.made = answer ? made : null;
      fill(item, answer ?? { error: NO_ANSWER });
    } else note(NO_ANSWER);  // what was there is better
    settle(item);
    show();
  }
  workers--;
  show();
};

const draw = async (item) => {
  if (item.size > MAX_BYTES) throw zipError("Larger than " + MAX_BYTES / 1e6 + " MB. Scale it down first.");
  const blob = await item.blob();
  const [photo, small] = await shrink(blob);
  item.small = small;
  const [style, kind] = props.value;
  for (let wait = 500; ; wait *= 1.5) {
    const answer = await server.redraw({ photo, style, kind });
    if (cancelled || wait > 20000 || !RETRIED.includes(answer?.code)) return answer;
    await new Promise((resolve) => setTimeout(resolve, wait));  // others are many just now
  }
};

const canvasOf = (bitmap, longest) => {
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";  // what is transparent would be black as JPEG
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.92);
};

const urlOf = (blob) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = reject;
  reader.readAsDataURL(blob);
});

// [data URL to send, data URL of a small copy to show]. What only the server can read is sent as it is.
const shrink = async (blob) => {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);  // turned as its EXIF says
  } catch {
    return [await urlOf(blob), ""];
  }
  try {
    const small = canvasOf(bitmap, 160);
    const asIs = blob.size <= AS_IT_IS && Math.max(bitmap.width, bitmap.height) <= LONGEST;
    return [asIs ? await urlOf(blob) : canvasOf(bitmap, LONGEST), small];
  } finally {
    bitmap.close();
  }
};

// What is shown

const fill = (item, answer) => {
  const { card } = item;
  item.faces = answer.faces ?? [];
  card.className = "batch-card" + (answer.error ? " failed" : "");
  const title = card.querySelector(".batch-name");
  if (item.small && !title.querySelector("img")) title.prepend(Object.assign(make("img", ""), { src: item.small, alt: "" }));
  const pictures = make("div", "batch-pictures");
  item.faces.forEach((face, index) => pictures.append(figure(item, face, index)));
  const notes = answer.error ? [sentence(answer.error)] : answer.notes;
  card.replaceChildren(title, ...item.faces.length ? [pictures] : [], ...notes.map((text) => make("p", "batch-note", text)));
};

const figure = (item, face, index) => {
  const shown = make("figure", "batch-face");
  const which = item.faces.length > 1 ? index + 1 + " of " + item.name : "of " + item.name;
  shown.append(Object.assign(make("img", ""), { src: pictureOf(face), alt: "Emoji " + which }));
  if (face.parameters) {
    const edit = make("button", "batch-edit", "Edit");
    edit.type = "button";
    edit.setAttribute("aria-label", "Edit emoji " + which);
    edit.addEventListener("click", () => window.dispatchEvent(new CustomEvent("avatar:edit", {
      detail: { id: item.id, name: item.name, face: index, faces: item.faces },
    })));
    shown.append(edit);
  }
  return shown;
};

const pictureOf = (face) => face.svg ? "data:image/svg+xml," + encodeURIComponent(face.svg) : face.png;

const show = () => {
  const [ready, busy] = [done().length, workers > 0];
  find("stage").classList.toggle("small", items.length > 0);
  find("progress").hidden = !items.length;
  find("progress").firstChild.max = Math.max(1, items.length);
  find("progress").firstChild.value = ready;
  find("progress").lastChild.textContent = ready + " of " + items.length + (busy ? "" : cancelled ? " · cancelled" : " · done");
  find("progress").dataset.say = busy ? "" : find("progress").lastChild.textContent;
  find("cancel").hidden = !busy || cancelled;
  find("clear").hidden = busy || !items.length;
  find("download").hidden = busy || !emoji().length;
  find("again").hidden = busy || done().every((item) => item.made === choice());
};

const settle = (item) => {
  item.state = "done";
  item.seen = true;
  item.card.classList.remove("pending");
};

const cancel = () => {
  for (const item of waiting()) {
    if (item.seen) {
      settle(item);
      continue;
    }
    item.card.remove();
    items.splice(items.indexOf(item), 1);
  }
  cancelled = true;
  show();
};

const clear = () => {
  items.length = 0;
  find("sheet").replaceChildren();
  note("");
  show();
};

const again = () => {
  for (const item of items.filter((one) => one.made !== choice())) {
    item.state = "waiting";
    item.card.classList.add("pending");
  }
  run();
};

const download = async () => {
  const button = find("download");
  button.disabled = true;
  note("Packing…");
  const answer = await server.pack({ emoji: emoji().map(({ name, parameters, png, style }) => ({ name, parameters, png, style })) });
  button.disabled = false;
  note(answer ? sentence(answer.error ?? "") : NO_ANSWER);
  if (answer?.url) Object.assign(document.createElement("a"), { href: answer.url, download: "emoji.zip" }).click();
};

window.addEventListener("avatar:edited", ({ detail: { id, face, parameters, svg } }) => {
  const item = items.find((one) => one.id === id);
  if (!item?.faces[face]) return;
  Object.assign(item.faces[face], { parameters, svg });
  item.card.querySelectorAll(".batch-face img")[face].src = pictureOf(item.faces[face]);
});

watch("value", show);

buttons({ cancel, again, download, clear });
