/** Reads zip files in the browser, so that only their pictures, scaled down, are sent to the server. */

const MAX_ENTRIES = 20000;

const END_RECORD = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;

/** Bytes of the end record and of the longest comment after it. */
const MAX_END_SIZE = 65557;

const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED_FLAG = 1;

const DAMAGED_ZIP = "damaged or not a zip. Download or create it again.";
const DAMAGED_ENTRY = "damaged in the zip. Download it again.";

/** An error whose message may be shown to the user. */
export class FileError extends Error {}

/**
 * A file in a zip.
 *
 * @typedef {object} Entry
 * @property {string} name
 * @property {number} size bytes when unpacked
 * @property {() => Promise<Blob>} blob unpacks it
 */

const viewOf = async (blob) => new DataView(await blob.arrayBuffer());

/** Find the directory of a zip. */
async function findDirectory(file) {
  const tail = await viewOf(file.slice(Math.max(0, file.size - MAX_END_SIZE)));
  for (let at = tail.byteLength - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END_RECORD) continue;
    const count = tail.getUint16(at + 10, true);
    const size = tail.getUint32(at + 12, true);
    const offset = tail.getUint32(at + 16, true);
    if (count > MAX_ENTRIES || offset === 0xffffffff) {
      throw new FileError(`contains more than ${MAX_ENTRIES} files. Make smaller zips.`);
    }
    if (offset + size > file.size) break;
    return { count, size, offset };
  }
  throw new FileError(DAMAGED_ZIP);
}

/** Whether a file is hidden, or was added by an operating system. */
function isIgnored(name) {
  return name.split("/").some((part) => (
    part.startsWith(".") || part === "__MACOSX" || part.toLowerCase() === "thumbs.db"
  ));
}

/** Read the directory entry at a position: its fields, and the position of the next entry. */
function readEntry(table, at) {
  if (at + 46 > table.byteLength || table.getUint32(at, true) !== DIRECTORY_ENTRY) throw new FileError(DAMAGED_ZIP);
  const nameLength = table.getUint16(at + 28, true);
  const extraLength = table.getUint16(at + 30, true);
  const commentLength = table.getUint16(at + 32, true);
  const bytes = new Uint8Array(table.buffer, at + 46, Math.min(nameLength, table.byteLength - at - 46));
  return {
    flags: table.getUint16(at + 8, true),
    method: table.getUint16(at + 10, true),
    packedSize: table.getUint32(at + 20, true),
    size: table.getUint32(at + 24, true),
    offset: table.getUint32(at + 42, true),
    name: new TextDecoder().decode(bytes).replaceAll("\\", "/"),
    next: at + 46 + nameLength + extraLength + commentLength,
  };
}

/**
 * List the files of a zip, sorted by name, except for hidden ones.
 *
 * @param {Blob} file
 * @returns {Promise<Entry[]>}
 * @throws {FileError} if the zip is damaged, too large or encrypted
 */
export async function unzip(file) {
  const { count, size, offset } = await findDirectory(file);
  const table = await viewOf(file.slice(offset, offset + size));
  const entries = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(table, at);
    at = entry.next;
    if (entry.name.endsWith("/") || isIgnored(entry.name)) continue;
    if (entry.flags & ENCRYPTED_FLAG) {
      throw new FileError("password-protected. Zip the pictures again without a password.");
    }
    entries.push({ name: entry.name, size: entry.size, blob: () => unpack(file, entry) });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Unpack an entry. Throws FileError if it is damaged or holds more bytes than its header says. */
async function unpack(file, { offset, packedSize, size, method }) {
  if (method !== STORED && method !== DEFLATED) {
    throw new FileError("compressed with an unsupported method. Zip it again.");
  }
  const header = await viewOf(file.slice(offset, offset + 30));
  if (header.byteLength < 30 || header.getUint32(0, true) !== LOCAL_HEADER) throw new FileError(DAMAGED_ENTRY);
  const start = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  const packed = file.slice(start, start + packedSize);
  if (method === DEFLATED) return inflate(packed, size);
  if (packed.size !== size) throw new FileError(DAMAGED_ENTRY);
  return packed;
}

/** Decompress a blob to exactly `size` bytes. */
async function inflate(packed, size) {
  const reader = packed.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw new FileError(DAMAGED_ENTRY); });
    if (done) break;
    parts.push(value);
    length += value.length;
    if (length > size) {  // a zip bomb
      reader.cancel();
      throw new FileError(DAMAGED_ENTRY);
    }
  }
  if (length !== size) throw new FileError(DAMAGED_ENTRY);
  return new Blob(parts);
}
