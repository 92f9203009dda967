import assert from "node:assert/strict";
import { test } from "node:test";

import { changedBox, choosePalette, compress, GifEncoder } from "../../assets/js/gif.js";

/** Decode the LZW data of a GIF image, block lengths included. */
function decompress(bytes) {
  const data = [];
  for (let at = 1; bytes[at]; at += bytes[at] + 1) data.push(...bytes.slice(at + 1, at + 1 + bytes[at]));
  const output = [];
  let table, width, previous, position = 0;
  const reset = () => {
    table = Array.from({ length: 258 }, (_, i) => [i]);
    width = 9;
    previous = null;
  };
  reset();
  for (;;) {
    let code = 0;
    for (let bit = 0; bit < width; bit++, position++) code |= (data[position >> 3] >> (position & 7) & 1) << bit;
    if (code === 256) {
      reset();
      continue;
    }
    if (code === 257) return output;
    const entry = code < table.length ? table[code] : [...previous, previous[0]];
    output.push(...entry);
    if (previous) table.push([...previous, entry[0]]);
    if (table.length === 1 << width && width < 12) width += 1;
    previous = entry;
  }
}

test("compressed indices can be decompressed", () => {
  const indices = Uint8Array.from({ length: 20000 }, (_, i) => (i * i * 7 + (i >> 5)) % 253);
  assert.deepEqual(Uint8Array.from(decompress(compress(indices))), indices);
});

test("a palette holds the colours of few-coloured frames exactly", () => {
  const pixels = Uint8ClampedArray.from([255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 9, 9, 9, 0]);
  const palette = choosePalette([pixels]).map(String).sort();
  assert.deepEqual(palette, ["0,0,255", "0,255,0", "255,0,0"]);
});

test("a palette has at most 255 colours", () => {
  const pixels = Uint8ClampedArray.from({ length: 4 * 4096 }, (_, i) => (i % 4 === 3 ? 255 : (i * 37) % 256));
  assert.ok(choosePalette([pixels]).length <= 255);
});

test("the changed box is the smallest that holds all changes", () => {
  const before = new Uint8Array(12);
  const now = before.slice();
  now[5] = 1;
  now[10] = 1;
  assert.deepEqual(changedBox(before, now, 4, 3), [1, 1, 2, 2]);
  assert.deepEqual(changedBox(before, before, 4, 3), [0, 0, 0, 0]);
});

test("a GIF begins and ends as the format demands, whatever the number of frames", async () => {
  for (const count of [1, 6, 9]) {
    const gif = new GifEncoder(4, 4, false);
    for (let i = 0; i < count; i++) gif.add(new Uint8ClampedArray(64).fill(20 * i + 40), 80 * i);
    const bytes = new Uint8Array(await gif.finish(80 * count).arrayBuffer());
    assert.equal(String.fromCharCode(...bytes.slice(0, 6)), "GIF89a");
    assert.deepEqual([...bytes.slice(6, 10)], [4, 0, 4, 0]);
    assert.equal(bytes.at(-1), 0x3b);
  }
});
