// The page /live, after live-draw.js, live-socket.js and live.js: nothing but the avatar, for OBS. What is wanted stands
// in the address: style, background (green, transparent, paper or RRGGBB), mirror (0 or 1), view (alone or over),
// controls (0: neither the button nor a line of text ever).
const COLOURS = { paper: PAPER, green: "#00b140", transparent: "" };
const wish = new URLSearchParams(location.search);
const colour = wish.get("background") || "green";
const look = {
  view: wish.get("view") === "over" ? "over" : "alone",
  background: colour in COLOURS ? COLOURS[colour] : /^[0-9a-f]{6}$/i.test(colour) ? "#" + colour : COLOURS.green,
  mirror: wish.get("mirror") !== "0",
};
const bare = wish.get("controls") === "0";
const canvas = document.querySelector("canvas"), button = document.querySelector("button"), line = document.querySelector("p");
document.body.style.background = look.view === "alone" && look.background || "transparent";

const show = () => {
  button.hidden = bare || live.running;
  line.textContent = bare || (live.running && !live.wrong()) ? "" : live.note();
};
const live = goLive({ canvas, base: new URL(".", location.href).href, look, options: { style: wish.get("style") || "" }, onchange: show });
document.body.live = live;
button.addEventListener("click", () => live.start());
show();
live.start();
