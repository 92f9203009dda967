/** Encodes an animated GIF while it is recorded. */

/** Number of frames whose colours make the palette. */
const PALETTE_FRAMES = 6;

/** Palette index of pixels that are transparent, or unchanged since the frame before. */
const TRANSPARENT = 255;

/** Pixels with less alpha are transparent. */
const MIN_ALPHA = 128;

const MAX_CODES = 4096;
const CLEAR_CODE = 256;
const END_CODE = 257;
const MAX_BLOCK = 255;

/** Key of a colour with 5 bits a channel. */
const colourKey = (r, g, b) => (r >> 3) << 10 | (g >> 3) << 5 | b >> 3;

const uint16 = (...values) => values.flatMap((value) => [value & 255, value >> 8]);

/** Count the colours of frames. Returns the mean colour of each key and its number of pixels. */
function countColours(frames) {
  const sums = new Map();
  for (const pixels of frames) {
    for (let i = 0; i < pixels.length; i += 4) {
      if (pixels[i + 3] < MIN_ALPHA) continue;
      const key = colourKey(pixels[i], pixels[i + 1], pixels[i + 2]);
      let sum = sums.get(key);
      if (!sum) {
        sum = [0, 0, 0, 0];
        sums.set(key, sum);
      }
      for (let channel = 0; channel < 3; channel++) sum[channel] += pixels[i + channel];
      sum[3] += 1;
    }
  }
  return [...sums.values()].map(([r, g, b, n]) => ({ colour: [r / n, g / n, b / n], n }));
}

/** A box of colours, with the channel in which they vary most. */
function createBox(members) {
  const total = members.reduce((sum, { n }) => sum + n, 0);
  const mean = [0, 1, 2].map((c) => members.reduce((sum, { colour, n }) => sum + n * colour[c], 0) / total);
  const spreads = [0, 1, 2].map((c) => members.reduce((sum, { colour, n }) => sum + n * (colour[c] - mean[c]) ** 2, 0));
  const spread = members.length > 1 ? Math.max(...spreads) : 0;
  return { members, mean, channel: spreads.indexOf(Math.max(...spreads)), spread };
}

/**
 * Choose a palette by median cut: the box of colours that varies most is split at its mean until there are enough.
 *
 * @param {Uint8ClampedArray[]} frames RGBA
 * @returns {number[][]} at most 255 colours [r, g, b]
 */
export function choosePalette(frames) {
  const colours = countColours(frames);
  const boxes = colours.length ? [createBox(colours)] : [];
  while (boxes.length && boxes.length < TRANSPARENT) {
    const widest = boxes.reduce((best, box) => (box.spread > best.spread ? box : best));
    if (!widest.spread) break;
    const { members, mean, channel } = widest;
    const below = members.filter(({ colour }) => colour[channel] < mean[channel]);
    const above = members.filter(({ colour }) => colour[channel] >= mean[channel]);
    if (!below.length || !above.length) {
      widest.spread = 0;
      continue;
    }
    boxes.splice(boxes.indexOf(widest), 1, createBox(below), createBox(above));
  }
  return boxes.map(({ mean }) => mean.map(Math.round));
}

/** Packs codes of varying width into blocks of at most 255 bytes. */
class BlockWriter {
  constructor() {
    this.bytes = [8];  // minimum code size
    this.block = [];
    this.bits = 0;
    this.bitCount = 0;
  }

  write(code, width) {
    this.bits |= code << this.bitCount;
    this.bitCount += width;
    while (this.bitCount >= 8) {
      this.block.push(this.bits & 255);
      this.bits >>>= 8;
      this.bitCount -= 8;
      if (this.block.length === MAX_BLOCK) this.flush();
    }
  }

  flush() {
    this.bytes.push(this.block.length, ...this.block);
    this.block = [];
  }

  finish() {
    if (this.bitCount) this.block.push(this.bits & 255);
    if (this.block.length) this.flush();
    this.bytes.push(0);
    return new Uint8Array(this.bytes);
  }
}

const codeTable = new Uint16Array(MAX_CODES * 256);  // (code of the prefix, next index) → code

/** Compress palette indices by LZW. */
export function compress(indices) {
  const writer = new BlockWriter();
  let width = 9;
  let nextCode = END_CODE + 1;
  codeTable.fill(0);
  writer.write(CLEAR_CODE, width);
  let code = indices[0];
  for (let i = 1; i < indices.length; i++) {
    const key = code << 8 | indices[i];
    if (codeTable[key]) {
      code = codeTable[key];
      continue;
    }
    writer.write(code, width);
    if (nextCode === MAX_CODES) {
      writer.write(CLEAR_CODE, width);
      codeTable.fill(0);
      width = 9;
      nextCode = END_CODE + 1;
    } else {
      if (nextCode === 1 << width) width += 1;
      codeTable[key] = nextCode;
      nextCode += 1;
    }
    code = indices[i];
  }
  writer.write(code, width);
  writer.write(END_CODE, width);
  return writer.finish();
}

/** The bounding box of what changed between two frames, or one pixel if nothing did: [left, top, right, bottom]. */
export function changedBox(before, now, width, height) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let i = 0; i < now.length; i++) {
    if (now[i] === before[i]) continue;
    const x = i % width;
    const y = Math.floor(i / width);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = y;
  }
  return right < 0 ? [0, 0, 0, 0] : [left, top, right, bottom];
}

/** An animated GIF. Add frames in order, then call `finish`. The palette is chosen from the first frames. */
export class GifEncoder {
  /**
   * @param {number} width
   * @param {number} height
   * @param {boolean} transparent whether the frames have transparent pixels
   */
  constructor(width, height, transparent) {
    this.width = width;
    this.height = height;
    this.transparent = transparent;
    this.firstFrames = [];
    this.parts = [];
    this.palette = null;
    this.nearestIndex = null;  // colour key → palette index, or -1
    this.before = null;
    this.pending = null;
    this.clock = 0;  // end of the last encoded frame in milliseconds
  }

  /**
   * Add a frame.
   *
   * @param {Uint8ClampedArray} pixels RGBA
   * @param {number} at its time in milliseconds
   */
  add(pixels, at) {
    const frame = { pixels, at };
    if (this.palette) {
      this.#queue(frame);
      return;
    }
    this.firstFrames.push(frame);
    if (this.firstFrames.length === PALETTE_FRAMES) this.#begin();
  }

  /**
   * @param {number} at end of the last frame in milliseconds
   * @returns {Blob}
   */
  finish(at) {
    if (!this.palette) this.#begin();
    if (this.pending) this.#encode(this.pending, at);
    this.parts.push(new Uint8Array([0x3b]));
    return new Blob(this.parts, { type: "image/gif" });
  }

  #begin() {
    this.palette = choosePalette(this.firstFrames.map((frame) => frame.pixels));
    this.nearestIndex = new Int16Array(1 << 15).fill(-1);
    const table = new Uint8Array(3 * 256);
    this.palette.forEach((colour, i) => table.set(colour, 3 * i));
    this.parts.push("GIF89a", new Uint8Array([...uint16(this.width, this.height), 0xf7, 0, 0]), table);
    this.parts.push(new Uint8Array([0x21, 0xff, 11]), "NETSCAPE2.0", new Uint8Array([3, 1, 0, 0, 0]));  // loop
    this.firstFrames.forEach((frame) => this.#queue(frame));
  }

  /** Encode the frame before, whose duration is known now. */
  #queue(frame) {
    if (this.pending) this.#encode(this.pending, frame.at);
    else this.clock = frame.at;
    this.pending = frame;
  }

  #nearest(r, g, b) {
    const key = colourKey(r, g, b);
    if (this.nearestIndex[key] < 0) {
      let best = 0;
      let least = Infinity;
      this.palette.forEach(([pr, pg, pb], i) => {
        const distance = 2 * (pr - r) ** 2 + 4 * (pg - g) ** 2 + 3 * (pb - b) ** 2;
        if (distance >= least) return;
        best = i;
        least = distance;
      });
      this.nearestIndex[key] = best;
    }
    return this.nearestIndex[key];
  }

  #indices(pixels) {
    const indices = new Uint8Array(this.width * this.height);
    for (let i = 0, p = 0; i < indices.length; i++, p += 4) {
      const isTransparent = pixels[p + 3] < MIN_ALPHA;
      indices[i] = isTransparent ? TRANSPARENT : this.#nearest(pixels[p], pixels[p + 1], pixels[p + 2]);
    }
    return indices;
  }

  /** Encode what changed since the frame before; a transparent picture is encoded whole. */
  #encode({ pixels }, until) {
    const { width, height, transparent, before } = this;
    const now = this.#indices(pixels);
    const partial = before && !transparent;
    const [left, top, right, bottom] = partial
      ? changedBox(before, now, width, height)
      : [0, 0, width - 1, height - 1];
    const box = new Uint8Array((right - left + 1) * (bottom - top + 1));
    for (let y = top, k = 0; y <= bottom; y++) {
      for (let x = left; x <= right; x++, k++) {
        const i = y * width + x;
        box[k] = partial && now[i] === before[i] ? TRANSPARENT : now[i];
      }
    }
    const hundredths = Math.max(2, Math.round((until - this.clock) / 10));
    this.clock += 10 * hundredths;  // the next frame makes up for the rounding
    const disposal = transparent ? 2 : 1;
    this.parts.push(new Uint8Array([0x21, 0xf9, 4, disposal << 2 | 1, ...uint16(hundredths), TRANSPARENT, 0]));
    this.parts.push(new Uint8Array([0x2c, ...uint16(left, top, right - left + 1, bottom - top + 1), 0]), compress(box));
    this.before = now;
  }
}
