// An animated GIF, written while it is recorded: `gif = startGif(width, height, transparent)`, `gif.add(pixels, at)` with
// RGBA bytes and milliseconds for every frame, `gif.finish(at)` gives a Blob. The colours are those of the first frames.
const FIRST = 6;  // frames whose colours make the palette
const CLEAR = 255;  // index of what is transparent, or as it was in the frame before

// Median cut: the box of colours that varies most is cut at its mean, until there are enough. → [[r, g, b]], at most 255.
const paletteOf = (frames) => {
  const seen = new Map();  // colour in 15 bits → how often, and sums
  for (const pixels of frames) {
    for (let i = 0; i < pixels.length; i += 4) {
      if (pixels[i + 3] < 128) continue;
      const key = (pixels[i] >> 3) << 10 | (pixels[i + 1] >> 3) << 5 | pixels[i + 2] >> 3;
      let sum = seen.get(key);
      if (!sum) seen.set(key, sum = [0, 0, 0, 0]);
      for (let c = 0; c < 3; c++) sum[c] += pixels[i + c];
      sum[3] += 1;
    }
  }
  const colours = [...seen.values()].map(([r, g, b, n]) => ({ at: [r / n, g / n, b / n], n }));
  const box = (members) => {
    const total = members.reduce((sum, one) => sum + one.n, 0);
    const mean = [0, 1, 2].map((c) => members.reduce((sum, one) => sum + one.n * one.at[c], 0) / total);
    const spread = [0, 1, 2].map((c) => members.reduce((sum, one) => sum + one.n * (one.at[c] - mean[c]) ** 2, 0));
    const axis = spread.indexOf(Math.max(...spread));
    return { members, mean, axis, spread: members.length > 1 ? spread[axis] : 0 };
  };
  const boxes = colours.length ? [box(colours)] : [];
  while (boxes.length && boxes.length < CLEAR) {
    const widest = boxes.reduce((best, one) => one.spread > best.spread ? one : best);
    if (!widest.spread) break;
    const { members, mean, axis } = widest;
    const [below, above] = [members.filter((one) => one.at[axis] < mean[axis]), members.filter((one) => one.at[axis] >= mean[axis])];
    if (!below.length || !above.length) { widest.spread = 0; continue; }
    boxes.splice(boxes.indexOf(widest), 1, box(below), box(above));
  }
  return boxes.map((one) => one.mean.map(Math.round));
};

// Indices of 8 bits → bytes of GIF's LZW, in blocks of at most 255.
const compress = (indices) => {
  const out = [8];
  let block = [], bits = 0, count = 0, width = 9, next = 258;
  const table = compress.table ??= new Uint16Array(4096 * 256);
  const write = (code) => {
    bits |= code << count;
    for (count += width; count >= 8; count -= 8, bits >>>= 8) {
      block.push(bits & 255);
      if (block.length === 255) { out.push(255, ...block); block = []; }
    }
  };
  table.fill(0);
  write(256);
  let code = indices[0];
  for (let i = 1; i < indices.length; i++) {
    const at = code << 8 | indices[i];
    if (table[at]) { code = table[at]; continue; }
    write(code);
    if (next === 4096) {
      write(256);
      table.fill(0);
      [width, next] = [9, 258];
    } else {
      if (next === 1 << width) width += 1;
      table[at] = next++;
    }
    code = indices[i];
  }
  write(code);
  write(257);
  if (count) block.push(bits & 255);
  if (block.length) out.push(block.length, ...block);
  out.push(0);
  return new Uint8Array(out);
};

const startGif = (width, height, transparent) => {
  const early = [], parts = [];
  let palette = null, lookup = null, before = null, pending = null, clock = 0;
  const words = (...values) => values.flatMap((value) => [value & 255, value >> 8]);

  const begin = () => {
    palette = paletteOf(early.map((frame) => frame.pixels));
    lookup = new Int16Array(32768).fill(-1);
    const table = new Uint8Array(768);
    palette.forEach((colour, i) => table.set(colour, 3 * i));
    parts.push("GIF89a", new Uint8Array([...words(width, height), 0xf7, 0, 0]), table);
    parts.push(new Uint8Array([0x21, 0xff, 11]), "NETSCAPE2.0", new Uint8Array([3, 1, 0, 0, 0]));
  };

  const nearest = (r, g, b) => {
    const key = (r >> 3) << 10 | (g >> 3) << 5 | b >> 3;
    if (lookup[key] < 0) {
      let [best, least] = [0, Infinity];
      palette.forEach(([pr, pg, pb], i) => {
        const far = 2 * (pr - r) ** 2 + 4 * (pg - g) ** 2 + 3 * (pb - b) ** 2;
        if (far < least) [best, least] = [i, far];
      });
      lookup[key] = best;
    }
    return lookup[key];
  };

  // A frame is the box of what has changed; there, what stays is left out, unless the picture is transparent.
  const encode = ({ pixels, at }, until) => {
    const now = new Uint8Array(width * height);
    for (let i = 0, p = 0; i < now.length; i++, p += 4) {
      now[i] = pixels[p + 3] < 128 ? CLEAR : nearest(pixels[p], pixels[p + 1], pixels[p + 2]);
    }
    let [left, top, right, bottom] = [0, 0, width - 1, height - 1];
    if (before && !transparent) {
      [left, top, right, bottom] = [width, height, -1, -1];
      for (let i = 0; i < now.length; i++) {
        if (now[i] === before[i]) continue;
        const [x, y] = [i % width, i / width | 0];
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        bottom = y;
      }
      if (right < 0) [left, top, right, bottom] = [0, 0, 0, 0];
    }
    const box = new Uint8Array((right - left + 1) * (bottom - top + 1));
    for (let y = top, k = 0; y <= bottom; y++) {
      for (let x = left; x <= right; x++, k++) {
        const i = y * width + x;
        box[k] = before && !transparent && now[i] === before[i] ? CLEAR : now[i];
      }
    }
    const ticks = Math.max(2, Math.round((until - clock) / 10));  // hundredths of a second; what is rounded is made up for
    clock += 10 * ticks;
    parts.push(new Uint8Array([0x21, 0xf9, 4, (transparent ? 2 : 1) << 2 | 1, ...words(ticks), CLEAR, 0]));
    parts.push(new Uint8Array([0x2c, ...words(left, top, right - left + 1, bottom - top + 1), 0]), compress(box));
    before = now;
  };

  const flush = (frame) => {
    if (pending) encode(pending, frame.at);
    else clock = frame.at;
    pending = frame;
  };

  return {
    add(pixels, at) {
      if (palette) return flush({ pixels, at });
      early.push({ pixels, at });
      if (early.length < FIRST) return;
      begin();
      early.forEach(flush);
    },
    finish(at) {
      if (!palette) {
        begin();
        early.forEach(flush);
      }
      if (pending) encode(pending, at);
      parts.push(new Uint8Array([0x3b]));
      return new Blob(parts, { type: "image/gif" });
    },
  };
};
