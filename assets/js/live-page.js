/**
 * The page /live, for OBS: the avatar and nothing else.
 *
 * Query parameters: style; background (green, transparent, paper or RRGGBB); mirror (0 or 1); view (alone or over);
 * controls (0 hides the button and all messages). The hash: an edit of the avatar, see `formatEdit`.
 */

import { LiveAvatar } from "./live.js";
import { PAPER } from "./scene.js";

export const BACKGROUNDS = { paper: PAPER, green: "#00b140", transparent: "" };

/** Parse the background of the address; green if it is not valid. */
export function parseBackground(value) {
  if (value in BACKGROUNDS) return BACKGROUNDS[value];
  return /^[0-9a-f]{6}$/i.test(value) ? `#${value}` : BACKGROUNDS.green;
}

/** Write an edit as the hash of an address. @param {{parameters: object, edited: string[]}} edit */
export function formatEdit(edit) {
  return encodeURIComponent(JSON.stringify(edit));
}

/** @returns {{parameters: object, edited: string[]}|null} null if the hash holds no edit */
export function parseEdit(hash) {
  try {
    const edit = JSON.parse(decodeURIComponent(hash.replace(/^#/, "")));
    return edit?.parameters && Array.isArray(edit.edited) ? edit : null;
  } catch {
    return null;
  }
}

/** The face whose eyes are the farthest apart. */
export function largestFace(faces) {
  return faces.reduce((a, b) => (a.apart >= b.apart ? a : b));
}

export function mount() {
  const query = new URLSearchParams(location.search);
  const canvas = document.querySelector("canvas");
  const button = document.querySelector("button");
  const message = document.querySelector("p");
  const hideControls = query.get("controls") === "0";
  const look = {
    view: query.get("view") === "over" ? "over" : "alone",
    background: parseBackground(query.get("background") || "green"),
    mirror: query.get("mirror") !== "0",
  };
  document.body.style.background = (look.view === "alone" && look.background) || "transparent";

  const show = () => {
    button.hidden = hideControls || live.running;
    const hideNote = hideControls || (live.running && !live.isWrong);
    message.textContent = hideNote ? "" : live.note;
  };

  let edit = parseEdit(location.hash);  // of the largest face that comes first

  const applyEdit = ({ faces }) => {
    if (!edit || !faces.length) return;
    live.setOptions({ edits: { [largestFace(faces).id]: edit } });
    edit = null;
  };

  const live = new LiveAvatar({
    canvas,
    base: new URL(".", location.href).href,
    look,
    options: { style: query.get("style") || "" },
    onchange: () => show(),
    onanswer: applyEdit,
  });
  document.body.live = live;
  button.addEventListener("click", () => live.start());
  show();
  live.start();
}
