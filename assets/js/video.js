/**
 * The mode Video. The file stays in the browser: the server requests its bytes and sends the new video in pieces.
 *
 * The protocol: see dtn_core/ui/api/video_socket.py.
 */

import { appAddress, download, sentence } from "./dom.js";
import { connectButtons, createFileInput } from "./picture-input.js";

/** Share of frames with a face below which the result says how many there were. */
const FEW_FACES = 0.8;

/** Format a duration as m:ss. */
export function formatDuration(seconds) {
  return Math.floor(seconds / 60) + ":" + String(Math.floor(seconds % 60)).padStart(2, "0");
}

/** Describe a finished video in a sentence or more; "" if all went well. */
export function describeResult({ damaged, sound, with_faces: withFaces, frames }) {
  const lines = [];
  if (withFaces < FEW_FACES * frames) {
    lines.push(`A face was found in ${Math.round(100 * withFaces / frames)}% of the frames.`);
  }
  if (damaged) lines.push("Damaged parts of the file were skipped.");
  if (sound === "none") lines.push("The video has no sound.");
  return lines.join(" ");
}

/** @param {import("./dom.js").Component} component its value is [style, drawn or painted], as chosen above */
export function mount({ element, props, watch }) {
  const result = element.querySelector(".video-result");
  const [preview, player] = result.children;
  const background = element.querySelector(".video-background");
  let file = null;
  let socket = null;
  let url = "";
  let settingsOfResult = "";

  const input = createFileInput(element, { take: (files) => take(files) });
  const { find, note } = input;
  const [bar, progressText] = find("progress").children;

  const mode = () => element.querySelector(".video-modes :checked").value;

  const settings = () => {
    const [style, kind] = props.value;
    const chosen = { style, kind, mode: mode() };
    if (chosen.mode === "alone") chosen.background = background.firstElementChild.value;
    return chosen;
  };

  const show = () => {
    const busy = Boolean(socket);
    const outdated = settingsOfResult !== JSON.stringify(settings());
    find("stage").classList.toggle("small", Boolean(file));
    find("cancel").hidden = !busy;
    find("choose").hidden = busy;
    find("again").hidden = !file || busy || !outdated;
    find("download").hidden = !url || busy;
    find("progress").hidden = !busy;
    background.hidden = mode() !== "alone";
    preview.hidden = !busy || !preview.src;
    player.hidden = !url || busy;
    result.hidden = preview.hidden && player.hidden;
    result.dataset.say = player.hidden ? "" : "The video is ready.";
  };

  const take = (files) => {
    if (socket) {
      note("One video at a time. Cancel, then choose another.");
      return;
    }
    file = files.find((one) => one.type.startsWith("video/")) ?? files[0];
    start();
  };

  const showProgress = (share, text) => {
    if (share === null) bar.removeAttribute("value");
    else bar.value = share;
    progressText.textContent = text;
  };

  const discardResult = () => {
    URL.revokeObjectURL(url);
    url = "";
    settingsOfResult = "";
    player.removeAttribute("src");
    preview.removeAttribute("src");
  };

  const start = () => {
    discardResult();
    note("");
    const chosen = settings();
    const parts = [];
    let firstReport = null;
    let opened = false;
    const address = new URL("live/video", appAddress());
    address.protocol = address.protocol.replace("http", "ws");
    const mine = new WebSocket(address);
    mine.binaryType = "blob";
    socket = mine;

    const end = (message) => {
      if (mine !== socket) return;
      socket = null;
      mine.close();
      note(message);
      show();
    };

    const handlers = {
      read: async ([offset, length]) => {
        try {
          mine.send(await file.slice(offset, offset + length).arrayBuffer());
        } catch {
          end("The browser could not read this file. Choose it again.");
        }
      },
      waiting: () => showProgress(null, "Waiting for other users’ videos"),
      progress: ({ frames, seconds, length, share, preview: picture }) => {
        preview.src = picture;
        firstReport ??= { frames, at: performance.now() };
        const elapsed = Math.max(1, performance.now() - firstReport.at) / 1000;
        const speed = (frames - firstReport.frames) / elapsed;
        let text = formatDuration(seconds);
        if (share !== null) text = `${Math.round(100 * share)}% · ${text} of ${formatDuration(length)}`;
        text += ` · ${frames} frames`;
        if (speed) text += `, ${speed.toFixed(0)} per second`;
        showProgress(share, text);
        show();
      },
      done: (report) => {
        settingsOfResult = JSON.stringify(chosen);
        url = URL.createObjectURL(new Blob(parts, { type: "video/mp4" }));
        player.src = url;
        end(describeResult(report));
      },
      error: (message) => end(sentence(message)),
    };

    mine.onopen = () => {
      opened = true;
      mine.send(JSON.stringify({ ...chosen, size: file.size }));
    };
    mine.onmessage = ({ data }) => {
      if (mine !== socket) return;
      if (data instanceof Blob) {
        parts.push(data);
        return;
      }
      for (const [name, value] of Object.entries(JSON.parse(data))) handlers[name]?.(value);
    };
    mine.onclose = () => end(opened
      ? "The connection was lost. Try again."
      : "Could not connect. Is the app running? A proxy must forward WebSockets.");
    showProgress(null, "Reading the video");
    show();
  };

  const cancel = () => {
    const open = socket;
    socket = null;
    open?.close();
    note("Cancelled.");
    show();
  };

  const save = () => download(url, file.name.replace(/\.\w+$/, "") + "-emoji.mp4");

  watch("value", show);
  element.querySelector(".video-options").addEventListener("input", show);
  connectButtons(element, input, { cancel, again: start, download: save });
}
