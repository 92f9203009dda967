/** Encodes a canvas as JPEG in a worker: this takes 3 ms, canvas.toBlob 19, since that waits until the page is idle. */

const QUALITY = 0.7;

/** Bytes before the JPEG that are left free for the message's number. */
const HEADER_SIZE = 4;

const WORKER = `onmessage = async ({ data: { id, bitmap, quality, headerSize } }) => {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  const jpeg = await canvas.convertToBlob({ type: "image/jpeg", quality });
  const buffer = await new Blob([new Uint8Array(headerSize), jpeg]).arrayBuffer();
  postMessage({ id, buffer }, [buffer]);
}`;

export class JpegEncoder {
  constructor() {
    this.worker = null;
    this.nextId = 0;
    this.pending = new Map();  // ID → {resolve, reject}
    try {
      if (window.OffscreenCanvas?.prototype.convertToBlob) this.#startWorker();
    } catch {
      this.worker = null;  // workers are not allowed here
    }
  }

  /** @param {HTMLCanvasElement} canvas @returns {Promise<ArrayBuffer>} `HEADER_SIZE` free bytes, then the JPEG */
  async encode(canvas) {
    if (!this.worker) return encodeOnPage(canvas);
    const bitmap = await createImageBitmap(canvas);
    const id = this.nextId;
    this.nextId += 1;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.worker.postMessage({ id, bitmap, quality: QUALITY, headerSize: HEADER_SIZE }, [bitmap]);
    });
  }

  #startWorker() {
    const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    this.worker = new Worker(url);
    this.worker.onmessage = ({ data: { id, buffer } }) => {
      this.pending.get(id)?.resolve(buffer);
      this.pending.delete(id);
    };
    this.worker.onerror = () => {
      this.worker = null;
      for (const { reject } of this.pending.values()) reject();
      this.pending.clear();
    };
  }
}

async function encodeOnPage(canvas) {
  const jpeg = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  return new Blob([new Uint8Array(HEADER_SIZE), jpeg]).arrayBuffer();
}
