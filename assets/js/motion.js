/** The arithmetic of live avatars: interpolation of a face's motion, and where its avatar is placed. */

/** Milliseconds for which all faces keep their avatar while no answer comes. */
export const SILENT = 2000;

/** Share of a tracking interval in which eyelids reach their new state. */
const LID_SHARE = 0.5;

/** Weight of a new position in the mean position of a face. */
const MEAN_WEIGHT = 0.03;

const NUMBERS = ["x", "y", "apart", "roll", "yaw", "pitch", "open", "wide", "smile"];

/** Brows and lids, left and right, follow `NUMBERS`. */
const LIDS = 2;

/** A face as the server returns it, see dtn_core/pipeline/live/motion.py. @typedef {object} TrackedFace */

/** Affine transform [a, b, c, d, e, f] of a canvas. @typedef {number[]} Matrix */

export const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

/** Ease from 0 to 1 with a derivative of 0 at both ends. */
export const smoothstep = (k) => k * k * (3 - 2 * k);

const radians = (degrees) => degrees * Math.PI / 180;

/** Whether a value is above a threshold, with hysteresis: what is on stays on until the value is clearly below. */
export function isAbove(value, threshold, isOn, hysteresis) {
  return value > threshold - (isOn ? hysteresis : 0);
}

/**
 * The transform that scales, rotates clockwise and moves a point of the artist's canvas to one of ours.
 *
 * @param {number} scale
 * @param {number} roll in degrees
 * @param {number[]} from point on the artist's canvas
 * @param {number[]} to point on ours
 * @returns {Matrix}
 */
export function placement(scale, roll, [fromX, fromY], [x, y]) {
  const cos = Math.cos(radians(roll)) * scale;
  const sin = Math.sin(radians(roll)) * scale;
  return [cos, sin, -sin, cos, x - cos * fromX + sin * fromY, y - sin * fromX - cos * fromY];
}

/**
 * Place an avatar over a face in a picture.
 *
 * @param {object} rig of the avatar, see dtn_core/avatars/rig.py
 * @param {object} motion of the face
 * @param {number} scale pixels of the canvas for one pixel of the frame
 * @param {number[]} origin of the frame on the canvas
 */
export function placeOverFace(rig, motion, scale, [left, top]) {
  const shift = -rig.law.turn * motion.apart * motion.yaw;  // the head of a turned face is not centred on its eyes
  const x = motion.x + shift * Math.cos(radians(motion.roll));
  const y = motion.y + shift * Math.sin(radians(motion.roll));
  const size = motion.apart * scale / rig.eyes[2] * rig.bust_scale;
  return placement(size, motion.roll, rig.eyes, [left + x * scale, top + y * scale]);
}

/** How far an avatar sinks below its cell when it is tilted, so that its corners stay hidden. As a share of its side. */
export function sinkOf(roll) {
  return Math.max(0, 0.38 * Math.abs(Math.sin(radians(roll))) - 0.06);
}

/**
 * The cell of one of several avatars: centre of its lower edge, and its side.
 *
 * @param {number[]} area left, top, width and height of all cells
 * @param {number} index
 * @param {number} count
 */
export function cellOf([left, top, width, height], index, count) {
  const wantedRows = Math.max(1, Math.round(Math.sqrt(count * height / width)));
  const columns = Math.ceil(count / wantedRows);
  const rows = Math.ceil(count / columns);
  const row = Math.floor(index / columns);
  const inRow = Math.min(columns, count - row * columns);
  const cellWidth = width / columns;
  const cellHeight = height / rows;
  const x = left + (width - inRow * cellWidth) / 2 + (index % columns + 0.5) * cellWidth;
  const y = top + (row + 1) * cellHeight;
  return [x, y, Math.min(cellWidth * 1.12, cellHeight * 1.06)];
}

/**
 * Divide the canvas between the camera's picture and the avatars.
 *
 * @param {"over"|"beside"|"alone"} view
 * @param {number} ratio width of the picture by its height
 * @returns {{picture: number[]|null, people: number[]}} left, top, width and height
 */
export function layout(view, width, height, ratio) {
  const all = [0, 0, width, height];
  if (view === "alone") return { picture: null, people: all };
  let box = all;
  let people = all;
  if (view === "beside" && width > height) {
    const share = Math.min(height * ratio, width * 0.66);
    box = [0, 0, share, height];
    people = [share, 0, width - share, height];
  } else if (view === "beside") {
    const share = Math.min(width / ratio, height * 0.6);
    box = [0, 0, width, share];
    people = [0, share, width, height - share];
  }
  const fits = [box[2] / ratio, box[3]];
  const nearlyFits = Math.max(...fits) / Math.min(...fits) < 1.03;
  const pictureHeight = nearlyFits ? Math.max(...fits) : Math.min(...fits);  // cropped a little: no seam at an edge
  const pictureWidth = pictureHeight * ratio;
  const x = box[0] + (box[2] - pictureWidth) / 2;
  const y = box[1] + (box[3] - pictureHeight) / 2;
  const picture = [x, y, pictureWidth, pictureHeight];
  return { picture, people: view === "over" ? picture : people };
}

/** The motion of one face, which glides to its newest state over one tracking interval. */
export class FaceMotion {
  constructor() {
    this.lastSeen = -Infinity;
    this.mean = null;  // usual x, y and distance of the eyes, from which the face leans
  }

  /**
   * Take a new state.
   *
   * @param {TrackedFace} face
   * @param {number} now in milliseconds
   * @param {number} glide milliseconds in which to reach it
   * @param {boolean} jump whether the face was not shown before
   */
  update(face, now, glide, jump) {
    const target = [...NUMBERS.map((name) => face[name]), ...face.brows, ...face.lids];
    this.from = now - this.lastSeen < SILENT ? this.valuesAt(now) : target;
    this.target = target;
    this.since = now;
    this.glide = glide;
    this.lastSeen = now;
    const weight = jump || !this.mean ? 1 : MEAN_WEIGHT;
    this.mean = [0, 1, 2].map((i) => (weight < 1 ? weight * target[i] + (1 - weight) * this.mean[i] : target[i]));
  }

  valuesAt(now) {
    const k = clamp((now - this.since) / this.glide, 0, 1);
    const kLids = clamp(k / LID_SHARE, 0, 1);
    const firstLid = this.target.length - LIDS;
    return this.target.map((target, i) => this.from[i] + (target - this.from[i]) * (i < firstLid ? k : kLids));
  }

  /** The motion to show now; mirrored in a frame `width` pixels wide if `mirror`. */
  at(now, mirror, width) {
    const values = this.valuesAt(now);
    const motion = Object.fromEntries(NUMBERS.map((name, i) => [name, values[i]]));
    const [leftBrow, rightBrow, leftLid, rightLid] = values.slice(NUMBERS.length);
    if (!mirror) return { ...motion, brows: [leftBrow, rightBrow], lids: [leftLid, rightLid] };
    return {
      ...motion, x: width - motion.x, roll: -motion.roll, yaw: -motion.yaw, brows: [rightBrow, leftBrow],
      lids: [rightLid, leftLid],
    };
  }
}
