// Runs once for the input of digits, after files.js: a wall to draw on, and the drawn numbers that are shown below it.
const PAUSE = 400;  // milliseconds after a stroke: most digits of two strokes are read once
const CHALK = 26;  // its width on the wall of 256 pixels, about what the strokes of street numbers have
const canvas = find("canvas");
const pen = canvas.getContext("2d");
const colours = [...element.querySelectorAll("[data-wall]")];
let chosen = colours[0];
let strokes = [];
let timer = null;

const paint = () => {
  pen.fillStyle = chosen.dataset.wall;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.lineCap = pen.lineJoin = "round";
  pen.lineWidth = CHALK;
  pen.strokeStyle = chosen.dataset.chalk;
  for (const stroke of strokes) {
    pen.beginPath();
    pen.moveTo(...stroke[0]);
    for (const point of stroke) pen.lineTo(...point);
    pen.stroke();
  }
  find("prompt").hidden = strokes.length > 0;
  find("prompt").style.color = chosen.dataset.chalk;
};

const submit = (url) => {
  clearTimeout(timer);
  props.value = url;
  trigger("submit");
};

const show = () => document.querySelector("#reading").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });

const send = (url) => {
  note("");
  strokes = [];
  paint();
  find("preview").src = url;
  find("preview").hidden = false;
  find("prompt").hidden = true;
  submit(url);
  if (window.innerWidth < 700) show();
};

const take = ([file]) => read(file);

const wipe = () => {
  note("");
  strokes = [];
  find("preview").hidden = true;
  paint();
};

const drawn = () => {
  clearTimeout(timer);
  timer = setTimeout(() => submit(canvas.toDataURL("image/png")), PAUSE);
};

const place = (event) => {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * canvas.width, (event.clientY - box.top) / box.height * canvas.height];
};

find("stage").addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button !== 0) return;
  event.preventDefault();
  clearTimeout(timer);
  if (!find("preview").hidden) wipe();
  canvas.setPointerCapture(event.pointerId);
  const [x, y] = place(event);
  strokes.push([[x, y], [x + 0.1, y]]);  // a canvas draws no line without a length, and a tap is a dot
  paint();
});
canvas.addEventListener("pointermove", (event) => {
  if (!event.isPrimary || !canvas.hasPointerCapture(event.pointerId)) return;
  strokes.at(-1).push(place(event));
  paint();
});
canvas.addEventListener("lostpointercapture", drawn);

find("preview").addEventListener("error", wipe);

const pick = (colour) => {
  chosen = colour;
  for (const other of colours) other.setAttribute("aria-pressed", other === chosen);
  paint();
};

element.addEventListener("click", (event) => {
  const colour = event.target.closest("[data-wall]");
  if (event.target.closest(".photo-choose")) find("file").click();
  else if (event.target.closest(".photo-see")) show();
  else if (event.target.closest(".photo-clear")) {
    wipe();
    submit(null);
  } else if (colour) {
    pick(colour);
    if (strokes.length) drawn();
  }
});

document.addEventListener("click", (event) => {
  const number = event.target.closest("#numbers button");
  if (number) send(number.querySelector("img").src);
});

for (const colour of colours) {
  colour.style.background = colour.dataset.wall;
  colour.style.color = colour.dataset.chalk;
  colour.textContent = "7";
}
pick(chosen);
