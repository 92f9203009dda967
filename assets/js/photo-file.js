/** Photos as they are sent to the server: small ones unchanged, others scaled down in the browser. */

import { createCanvas, readAsDataUrl } from "./dom.js";

const JPEG_QUALITY = 0.92;

/** Number of bytes that `isPicture` looks at. */
const HEAD_BYTES = 16;

const ANIMATED_TYPES = ["image/gif", "image/webp"];
const BRANDS = ["avif", "avis", "heic", "heix", "heim", "heis", "mif1", "msf1"];
const SIGNATURES = ["ffd8ff", "89504e47", "47494638", "424d", "49492a00", "4d4d002a"];

/**
 * Whether a file is a picture by its first bytes, whatever its name.
 *
 * @param {Blob} blob
 */
export async function isPicture(blob) {
  const bytes = new Uint8Array(await blob.slice(0, HEAD_BYTES).arrayBuffer());
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const text = String.fromCharCode(...bytes);
  if (SIGNATURES.some((signature) => hex.startsWith(signature))) return true;
  if (text.startsWith("RIFF")) return text.slice(8, 12) === "WEBP";
  if (/^P[1-6]\s/.test(text)) return true;
  return text.slice(4, 8) === "ftyp" && BRANDS.includes(text.slice(8, 12));
}

/** Scale a bitmap down. @returns {string} a JPEG as data URL */
export function scaleDown(bitmap, maxSide) {
  const scale = Math.min(1, maxSide / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = createCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";  // transparent pixels would become black as JPEG
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.toDataURL("image/jpeg", JPEG_QUALITY);
}

/**
 * Prepare a photo. What only the server can decode, and animations, are sent unchanged.
 *
 * @param {Blob} blob
 * @param {object} limits
 * @param {number} limits.maxBytes larger files are scaled down
 * @param {number} limits.maxSide pixels of the longest side
 * @param {number} [limits.thumbnailSide] also make a thumbnail of this size
 * @returns {Promise<{photo: string, thumbnail: string}>} data URLs
 */
export async function preparePhoto(blob, { maxBytes, maxSide, thumbnailSide = 0 }) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);  // applies the EXIF orientation and the colour profile
  } catch {
    return { photo: await readAsDataUrl(blob), thumbnail: "" };
  }
  try {
    const isSmall = blob.size <= maxBytes && Math.max(bitmap.width, bitmap.height) <= maxSide;
    const isUnchanged = isSmall || ANIMATED_TYPES.includes(blob.type);
    const photo = isUnchanged ? await readAsDataUrl(blob) : scaleDown(bitmap, maxSide);
    return { photo, thumbnail: thumbnailSide ? scaleDown(bitmap, thumbnailSide) : "" };
  } finally {
    bitmap.close();
  }
}
