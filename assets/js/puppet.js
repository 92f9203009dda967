/** An avatar that moves: its rig (dtn_core/avatars/rig.py), whose parts are rasterised once and then transformed. */

import { createCanvas, loadImage } from "./dom.js";
import { clamp, isAbove, smoothstep } from "./motion.js";

/** Width of the soft lower edge of the shoulders, as a share of the bust; as in dtn_core/faces/compose.py. */
const FADE = 0.1;

/** Half the range of a lid's opening in which the closed and the open eye are blended. */
const CROSSFADE = 0.06;

const PROBE_SIDE = 128;
const MIN_SIDE = 128;
const MAX_SIDE = 1536;
const SIDE_STEP = 64;

/**
 * A picture of a part.
 *
 * @typedef {object} Sprite
 * @property {HTMLImageElement} image
 * @property {number[]|null} box what isn't empty: left, top, right and bottom as shares of the side; null if all is
 * @property {HTMLCanvasElement|null} [canvas] the box, rasterised
 * @property {number[]} [at] its left, top, width and height on the artist's canvas
 */

const withSize = (svg) => svg.replace("<svg ", '<svg width="256" height="256" ');

/** @returns {Promise<Sprite>} */
async function loadSprite(svg) {
  const image = await loadImage("data:image/svg+xml," + encodeURIComponent(withSize(svg)));
  return { image, box: contentBox(image) };
}

/** The box of an image that isn't empty, as shares of its side; null if it is empty. */
function contentBox(image) {
  const context = createCanvas(PROBE_SIDE, PROBE_SIDE).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, PROBE_SIDE, PROBE_SIDE);
  const { data } = context.getImageData(0, 0, PROBE_SIDE, PROBE_SIDE);
  let [left, top, right, bottom] = [PROBE_SIDE, PROBE_SIDE, -1, -1];
  for (let i = 3; i < data.length; i += 4) {
    if (!data[i]) continue;
    const x = (i >> 2) % PROBE_SIDE;
    const y = Math.floor((i >> 2) / PROBE_SIDE);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = y;
  }
  if (right < 0) return null;
  return [left - 1, top - 1, right + 2, bottom + 2].map((at) => clamp(at / PROBE_SIDE, 0, 1));
}

export class Puppet {
  constructor(rig) {
    this.rig = rig;
    this.side = 0;  // pixels for which the parts are rasterised
    this.mouth = "rest";
  }

  /** Decode the pictures of all parts. */
  async load() {
    this.parts = await Promise.all(this.rig.parts.map(async (part) => {
      const mouths = Object.entries(part.mouths || {}).map(async ([name, svg]) => [name, await loadSprite(svg)]);
      return {
        ...part,
        rest: await loadSprite(part.svg),
        shut: part.closed && await loadSprite(part.closed),
        mouths: Object.fromEntries(await Promise.all(mouths)),
      };
    }));
    return this;
  }

  /**
   * Rasterise the parts, unless their size is good enough already.
   *
   * @param {number} pixels for the side of the view
   * @param {boolean} faded whether the shoulders end softly
   */
  rasterise(pixels, faded) {
    if (faded === this.faded && pixels < this.side * 1.15 && pixels > this.side * 0.45) return;
    this.side = clamp(Math.ceil(pixels / SIDE_STEP) * SIDE_STEP, MIN_SIDE, MAX_SIDE);
    this.faded = faded;
    for (const part of this.parts) {
      const sprites = [part.rest, part.shut, ...Object.values(part.mouths)].filter(Boolean);
      sprites.forEach((sprite) => this.#crop(sprite));
    }
  }

  /** @param {Sprite} sprite */
  #crop(sprite) {
    sprite.canvas = null;
    if (!sprite.box) return;
    const { side } = this;
    const [viewX, viewY, span] = this.rig.view;
    const left = Math.floor(sprite.box[0] * side);
    const top = Math.floor(sprite.box[1] * side);
    const right = Math.ceil(sprite.box[2] * side);
    const bottom = Math.ceil(sprite.box[3] * side);
    sprite.canvas = createCanvas(right - left, bottom - top);
    const context = sprite.canvas.getContext("2d");
    context.drawImage(sprite.image, -left, -top, side, side);
    const unit = span / side;
    sprite.at = [viewX + left * unit, viewY + top * unit, (right - left) * unit, (bottom - top) * unit];
    if (this.faded) this.#fade(sprite.canvas, left, top);
  }

  /** Fade what is far below the eyes. */
  #fade(canvas, left, top) {
    const { side } = this;
    const [viewX, viewY, span] = this.rig.view;
    const [eyesX, eyesY] = this.rig.eyes;
    const x = (eyesX - viewX) / span * side - left;
    const y = (eyesY - viewY) / span * side - top;
    const radius = (1 - (eyesY - viewY) / span) * side;
    const context = canvas.getContext("2d");
    const edge = context.createRadialGradient(x, y, radius - FADE * side, x, y, radius);
    for (const k of [0, 0.25, 0.5, 0.75, 1]) edge.addColorStop(k, `rgb(0 0 0 / ${1 - smoothstep(k)})`);
    context.globalCompositeOperation = "destination-in";
    context.fillStyle = edge;
    context.beginPath();
    context.rect(0, Math.max(0, y), canvas.width, canvas.height);
    context.clip();
    context.fillRect(0, 0, canvas.width, canvas.height);
  }

  /**
   * Draw the avatar.
   *
   * @param {CanvasRenderingContext2D} context whose transform maps the artist's canvas to pixels
   * @param {object} motion as of `FaceMotion.at`
   */
  draw(context, motion) {
    const { law } = this.rig;
    const apart = this.rig.eyes[2];
    this.mouth = this.#mouthOf(motion);
    for (const part of this.parts) {
      const dx = part.depth * apart * motion.yaw;
      const dy = part.depth * apart * motion.pitch;
      if (part.moves === "eyes") {
        this.#drawEyes(context, part, motion.lids, dx, dy);
      } else if (part.moves === "brows") {
        for (const half of [0, 1]) {
          drawHalf(context, part.rest, half, part.pivot[0], dx, dy - law.brow * apart * motion.brows[half]);
        }
      } else if (part.moves === "mouth") {
        this.#drawMouth(context, part, motion, dx, dy);
      } else {
        drawSprite(context, part.rest, dx, dy);
      }
    }
  }

  #drawEyes(context, part, lids, dx, dy) {
    const { law } = this.rig;
    const [split, pivot] = part.pivot;
    const alpha = context.globalAlpha;
    for (const half of [0, 1]) {
      const open = clamp((lids[half] - law.shut) / (2 * CROSSFADE) + 0.5, 0, 1);
      const height = clamp(lids[half], law.shut, law.widest);
      context.globalAlpha = alpha * (1 - open);
      if (open < 1) drawHalf(context, part.shut, half, split, dx, dy);
      context.globalAlpha = alpha * open;
      if (open > 0) drawHalf(context, part.rest, half, split, dx, dy + pivot * (1 - height), height);
    }
    context.globalAlpha = alpha;
  }

  #drawMouth(context, part, motion, dx, dy) {
    const { law } = this.rig;
    const [pivotX, pivotY] = part.pivot;
    const isOpen = this.mouth === "open" || this.mouth === "laugh";
    const width = 1 + law.wide * motion.wide;
    const height = isOpen ? law.ajar + law.gape * motion.open : 1;
    const sprite = part.mouths[this.mouth] || part.rest;
    drawSprite(context, sprite, dx + pivotX * (1 - width), dy + pivotY * (1 - height), width, height);
  }

  #mouthOf({ smile, open }) {
    const { law } = this.rig;
    const smiled = this.mouth === "smile" || this.mouth === "laugh";
    const opened = this.mouth === "open" || this.mouth === "laugh";
    const smiles = isAbove(smile, law.smile, smiled, law.hold);
    const opens = isAbove(open, law.open, opened, law.hold);
    if (smiles) return opens ? "laugh" : "smile";
    return opens ? "open" : "rest";
  }
}

/** @param {Sprite} sprite */
function drawSprite(context, { canvas, at }, dx, dy, width = 1, height = 1) {
  if (canvas) context.drawImage(canvas, at[0] * width + dx, at[1] * height + dy, at[2] * width, at[3] * height);
}

/** Draw the left (0) or the right (1) half of a sprite, up to the line x = split. @param {Sprite} sprite */
function drawHalf(context, { canvas, at }, half, split, dx, dy, height = 1) {
  if (!canvas) return;
  const cut = clamp((split - at[0]) / at[2], 0, 1);
  const [from, to] = half ? [cut, 1] : [0, cut];
  if (from === to) return;
  context.drawImage(
    canvas, from * canvas.width, 0, (to - from) * canvas.width, canvas.height,
    at[0] + from * at[2] + dx, at[1] * height + dy, (to - from) * at[2], at[3] * height,
  );
}
