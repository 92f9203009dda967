import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";

import { FileError, unzip } from "../../assets/js/zip.js";

const encode = (text) => new TextEncoder().encode(text);

/** Write a zip. Entries: {name, data, method, flags, size}; size: what the header says. */
function zip(entries) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, data, method = 8, flags = 0, size = data.length } of entries) {
    const packed = method === 8 ? deflateRawSync(data) : data;
    const local = new DataView(new ArrayBuffer(30));
    local.setUint32(0, 0x04034b50, true);
    local.setUint16(26, encode(name).length, true);
    const entry = new DataView(new ArrayBuffer(46));
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint16(8, flags, true);
    entry.setUint16(10, method, true);
    entry.setUint32(20, packed.length, true);
    entry.setUint32(24, size, true);
    entry.setUint16(28, encode(name).length, true);
    entry.setUint32(42, offset, true);
    parts.push(local, encode(name), packed);
    directory.push(entry, encode(name));
    offset += 30 + encode(name).length + packed.length;
  }
  const length = directory.reduce((sum, part) => sum + part.byteLength, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(10, entries.length, true);
  end.setUint32(12, length, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...directory, end]);
}

const DATA = encode("some pixels ".repeat(50));

test("files are listed by name and unpacked, compressed or not", async () => {
  const files = await unzip(zip([{ name: "b.jpg", data: DATA }, { name: "a/a.png", data: DATA, method: 0 }]));
  assert.deepEqual(files.map(({ name, size }) => [name, size]), [["a/a.png", DATA.length], ["b.jpg", DATA.length]]);
  for (const file of files) assert.deepEqual(new Uint8Array(await (await file.blob()).arrayBuffer()), DATA);
});

test("hidden files and those of operating systems are left out", async () => {
  const names = ["__MACOSX/._a.jpg", ".hidden.jpg", "x/.git/a", "Thumbs.db", "folder/", "a.jpg"];
  const files = await unzip(zip(names.map((name) => ({ name, data: DATA }))));
  assert.deepEqual(files.map(({ name }) => name), ["a.jpg"]);
});

test("a file that unpacks to more than its header says is refused", async () => {
  const [bomb] = await unzip(zip([{ name: "a.jpg", data: new Uint8Array(1e6), size: 100 }]));
  await assert.rejects(bomb.blob(), FileError);
});

test("a file that unpacks to less than its header says is refused", async () => {
  const [short] = await unzip(zip([{ name: "a.jpg", data: DATA, size: 10 * DATA.length }]));
  await assert.rejects(short.blob(), FileError);
});

test("what is not a zip, encrypted, or compressed by another method is refused with a reason", async () => {
  await assert.rejects(unzip(new Blob([DATA])), /not a zip/);
  await assert.rejects(unzip(zip([{ name: "a.jpg", data: DATA, flags: 1 }])), /password/);
  const [file] = await unzip(zip([{ name: "a.jpg", data: DATA, method: 9 }]));
  await assert.rejects(file.blob(), /unsupported method/);
});

test("a damaged directory is refused", async () => {
  const bytes = new Uint8Array(await zip([{ name: "a.jpg", data: DATA }]).arrayBuffer());
  bytes[bytes.length - 22 - 46 - 5] = 0;
  await assert.rejects(unzip(new Blob([bytes])), FileError);
});
