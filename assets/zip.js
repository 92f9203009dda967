// Reads a zip in the browser, entry by entry: nothing but the pictures leaves it, scaled down.
const MAX_ENTRIES = 20000;

const zipError = (words) => Object.assign(new Error(words), { forPeople: true });

const viewOf = async (blob) => new DataView(await blob.arrayBuffer());

// Where the directory of a zip is: [entries, bytes, offset].
const zipEnd = async (file) => {
  const start = Math.max(0, file.size - 65557);  // the end's 22 bytes and the longest comment
  const tail = await viewOf(file.slice(start));
  for (let at = tail.byteLength - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== 0x06054b50) continue;
    const [count, size, offset] = [tail.getUint16(at + 10, true), tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
    if (count > MAX_ENTRIES || offset === 0xffffffff) throw zipError("contains more than " + MAX_ENTRIES + " files. Make smaller zips.");
    if (offset + size > file.size) break;
    return [count, size, offset];
  }
  throw zipError("damaged or not a zip. Download or create it again.");
};

const leftOut = (name) => name.split("/").some((part) => part.startsWith(".") || part === "__MACOSX" || part.toLowerCase() === "thumbs.db");

// [{name, size, blob}] of a zip's files but the hidden ones, in the order of their names; blob() unpacks one.
const unzip = async (file) => {
  const [count, size, offset] = await zipEnd(file);
  const table = await viewOf(file.slice(offset, offset + size));
  const found = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > size || table.getUint32(at, true) !== 0x02014b50) throw zipError("damaged or not a zip. Download or create it again.");
    const [flags, method] = [table.getUint16(at + 8, true), table.getUint16(at + 10, true)];
    const [packed, unpacked] = [table.getUint32(at + 20, true), table.getUint32(at + 24, true)];
    const [nameLength, extra, comment] = [28, 30, 32].map((place) => table.getUint16(at + place, true));
    const place = table.getUint32(at + 42, true);
    const bytes = new Uint8Array(table.buffer, at + 46, Math.min(nameLength, size - at - 46));
    const name = new TextDecoder().decode(bytes).replaceAll("\\", "/");
    at += 46 + nameLength + extra + comment;
    if (name.endsWith("/") || leftOut(name)) continue;
    if (flags & 1) throw zipError("password-protected. Zip the pictures again without a password.");
    found.push({ name, size: unpacked, blob: () => unpack(file, place, packed, unpacked, method) });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
};

const unpack = async (file, place, packed, unpacked, method) => {
  if (method !== 0 && method !== 8) throw zipError("compressed with an unsupported method. Zip it again.");
  const damaged = zipError("damaged in the zip. Download it again.");
  const head = await viewOf(file.slice(place, place + 30));
  if (head.byteLength < 30 || head.getUint32(0, true) !== 0x04034b50) throw damaged;
  const start = place + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const inside = file.slice(start, start + packed);
  if (method === 0) {
    if (inside.size !== unpacked) throw damaged;
    return inside;
  }
  const reader = inside.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw damaged; });
    if (done) break;
    parts.push(value);
    length += value.length;
    if (length > unpacked) {  // the zip lies about it: a bomb
      reader.cancel();
      throw damaged;
    }
  }
  if (length !== unpacked) throw damaged;
  return new Blob(parts);
};
