// Runs once for the mode Video, after files.js. The file stays here: the server asks for its bytes, and sends the new video
// piece by piece. `props.value` is [style, drawn or painted] as chosen above.
const base = (window.gradio_config && window.gradio_config.root) || location.origin + location.pathname;
const result = element.querySelector(".video-result");
const [picture, player] = result.children;
const colour = element.querySelector(".video-background");
let file = null, socket = null, url = "", made = "";

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const mode = () => element.querySelector(".video-modes :checked").value;
const choice = () => {
  const [style, kind] = props.value;
  return JSON.stringify({ style, kind, mode: mode(), ...mode() === "alone" && { background: colour.firstElementChild.value } });
};
const clock = (seconds) => Math.floor(seconds / 60) + ":" + String(Math.floor(seconds % 60)).padStart(2, "0");

const show = () => {
  find("stage").classList.toggle("small", Boolean(file));
  find("cancel").hidden = !socket;
  find("choose").hidden = Boolean(socket);
  find("again").hidden = !file || Boolean(socket) || made === choice();
  find("download").hidden = !url || Boolean(socket);
  find("progress").hidden = !socket;
  colour.hidden = mode() !== "alone";
  picture.hidden = !socket || !picture.src;
  player.hidden = !url || Boolean(socket);
  result.hidden = picture.hidden && player.hidden;
  result.dataset.say = player.hidden ? "" : "The video is ready.";
};

const take = (files) => {
  if (socket) return note("One video at a time. Cancel, then choose another.");
  file = files.find((one) => one.type.startsWith("video/")) ?? files[0];
  start();
};

const tell = (value, words) => {
  const bar = find("progress").firstChild;
  if (value === null) bar.removeAttribute("value");
  else bar.value = value;
  find("progress").lastChild.textContent = words;
};

const start = () => {
  forget();
  note("");
  const wanted = choice(), parts = [];
  let first = null;  // [frames, when] of the first report
  const address = new URL("live/video", base.replace(/\/?$/, "/"));
  address.protocol = address.protocol.replace("http", "ws");
  const mine = socket = new WebSocket(address);
  mine.binaryType = "blob";
  const end = (words) => {
    if (mine !== socket) return;
    socket = null;
    mine.close();
    note(words);
    show();
  };
  const answer = {
    read: async ([offset, length]) => {
      try {
        mine.send(await file.slice(offset, offset + length).arrayBuffer());
      } catch {
        end("The browser could not read this file. Choose it again.");
      }
    },
    waiting: () => tell(null, "Waiting for other users’ videos"),
    progress: ({ frames, seconds, length, share, preview }) => {
      picture.src = preview;
      first ??= [frames, performance.now()];
      const speed = (frames - first[0]) / Math.max(1, performance.now() - first[1]) * 1000;
      const done = share === null ? clock(seconds) : Math.round(100 * share) + "% · " + clock(seconds) + " of " + clock(length);
      tell(share, done + " · " + frames + " frames" + (speed ? ", " + speed.toFixed(0) + " per second" : ""));
      show();
    },
    done: ({ damaged, sound, with_faces: seen, frames }) => {
      made = wanted;
      url = player.src = URL.createObjectURL(new Blob(parts, { type: "video/mp4" }));
      end([
        seen < 0.8 * frames ? "A face was found in " + Math.round(100 * seen / frames) + "% of the frames." : "",
        damaged ? "Damaged parts of the file were skipped." : "", sound === "none" ? "The video has no sound." : "",
      ].filter(Boolean).join(" "));
    },
    error: (words) => end(sentence(words)),
  };
  let opened = false;
  mine.onopen = () => {
    opened = true;
    mine.send(JSON.stringify({ ...JSON.parse(wanted), size: file.size }));
  };
  mine.onmessage = ({ data }) => {
    if (mine !== socket) return;
    if (data instanceof Blob) return parts.push(data);
    for (const [name, value] of Object.entries(JSON.parse(data))) answer[name]?.(value);
  };
  mine.onclose = () => end(opened ? "The connection was lost. Try again." :
    "Could not connect. Is the app running? A proxy must forward WebSockets.");
  tell(null, "Reading the video");
  show();
};

const forget = () => {
  URL.revokeObjectURL(url);
  url = made = "";
  player.removeAttribute("src");
  picture.removeAttribute("src");
};

const cancel = () => {
  const open = socket;
  socket = null;
  open?.close();
  note("Cancelled.");
  show();
};

const download = () => {
  const name = file.name.replace(/\.\w+$/, "") + "-emoji.mp4";
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
};

watch("value", show);
element.querySelector(".video-options").addEventListener("input", show);

buttons({ cancel, again: start, download });
