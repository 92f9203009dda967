// The camera's pictures go to the server, faces and avatars come back, and are drawn at the display's rate; after
// live-draw.js and live-socket.js. `goLive({ canvas, base, look, options, onchange, onanswer, onframe })`; look: see Scene.draw.
const KEPT_FRAMES = 14;  // of the camera: the picture is shown as late as the motion, so that avatars lie on their faces
const SIZE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
const QUALITY = 0.7;
const DARK = 9;  // mean of 255 below which nothing can be seen
const MOST_PIXELS = 1920;  // longest side of the canvas

const TROUBLE = {
  NotAllowedError: "Camera access was denied. Allow it in the address bar, then start again.",
  SecurityError: "This page may not use the camera: open it via https:// or localhost.",
  NotFoundError: "No camera found. Connect one, then start again.",
  OverconstrainedError: "This camera is no longer available. Choose another one, then start again.",
  NotReadableError: "The camera is busy: close the other program that uses it, then start again.",
  AbortError: "The camera did not start. Try again.",
};
const NO_CAMERAS = "Browsers allow the webcam only on https:// or localhost.";
const UNPLUGGED = "The camera was disconnected. Reconnect it, then start again.";
const BLACK = "Black picture: is the lens covered?";
const NO_FACE = "No face in view.";

const median = (values) => values.length ? [...values].sort((a, b) => a - b)[values.length >> 1] : 0;

// A canvas as JPEG, after four bytes that are free. By a worker: it takes 3 ms, and canvas.toBlob, which waits until the
// page has nothing else to do, 19.
const WORKER = `onmessage = async ({ data: [turn, bitmap, quality] }) => {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  const buffer = await new Blob([new Uint8Array(4), await canvas.convertToBlob({ type: "image/jpeg", quality })]).arrayBuffer();
  postMessage([turn, buffer], [buffer]);
}`;
const encoder = () => {
  let worker = null, turn = 0;
  const waiting = new Map();
  const byCanvas = async (canvas) => {
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
    return new Blob([new Uint8Array(4), blob]).arrayBuffer();
  };
  const giveUp = () => {  // forbidden, or too old a browser
    worker = null;
    for (const { reject } of waiting.values()) reject();
    waiting.clear();
  };
  try {
    if (window.OffscreenCanvas && OffscreenCanvas.prototype.convertToBlob) {
      worker = new Worker(URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" })));
      worker.onmessage = ({ data: [which, buffer] }) => { waiting.get(which)?.resolve(buffer); waiting.delete(which); };
      worker.onerror = giveUp;
    }
  } catch (error) { /* by the canvas, then */ }
  return async (canvas) => {
    if (!worker) return byCanvas(canvas);
    const bitmap = await createImageBitmap(canvas), mine = turn++;
    return new Promise((resolve, reject) => {
      waiting.set(mine, { resolve, reject });
      worker.postMessage([mine, bitmap, QUALITY], [bitmap]);
    });
  };
};

const goLive = ({ canvas, base, look, options, onchange = () => {}, onanswer = () => {}, onframe = () => {} }) => {
  const scene = new Scene(canvas), video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  const encode = encoder();
  const small = canvasOf(16, 12).getContext("2d", { willReadFrequently: true });
  const frames = [];  // {canvas, at}, the newest last
  const notes = { camera: "", link: "", server: "", hint: "" };
  const seen = { drawn: [], answers: [], latency: [], server: [] };  // of the last second: [at, value]
  let moment = null;  // {from, to, since, glide}: which moments of the camera the motion shown is of
  let stream = null, link = null, fresh = true, starting = 0, number = 0, flying = null, encoding = false;
  let interval = 33, lastAnswer = 0, lastFace = 0, lastLook = 0, asking = 0, asked = 0, watched = 0;

  const live = {
    scene, look, stats: {}, faces: [], running: false, frozen: false,
    note: () => notes.camera || notes.server || notes.link || notes.hint,
    wrong: () => Boolean(notes.camera || notes.server),
    start, stop, options: (given) => { Object.assign(options, given); if (link) link.options(given); },
    cameras: async () => (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput"),
    camera: () => stream && stream.getVideoTracks()[0].getSettings().deviceId,
    redraw: () => paint(performance.now()),
  };

  const say = (kind, text) => {
    if (notes[kind] === text) return;
    notes[kind] = text;
    onchange();
  };

  const remember = (name, at, value) => seen[name].push([at, value]);
  const recent = (name, now) => {
    while (seen[name].length && seen[name][0][0] < now - 1000) seen[name].shift();
    return seen[name].map(([, value]) => value);
  };

  async function start(device) {
    const turn = ++starting;
    let given = null;
    try {
      if (!navigator.mediaDevices) throw new Error();
      given = await navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...device ? { deviceId: { exact: device } } : { facingMode: "user" } } });
    } catch (error) {
      if (turn !== starting) return;
      release();
      return say("camera", navigator.mediaDevices ? TROUBLE[error.name] || "The camera did not start: " + error.message : NO_CAMERAS);
    }
    const release_ = () => given.getTracks().forEach((track) => track.stop());
    if (turn !== starting) return release_();
    if (stream) stream.getTracks().forEach((track) => track.stop());
    stream = given;
    given.elsewhere = true;  // than in a video of the page: see tabs.js
    given.getVideoTracks()[0].addEventListener("ended", () => {
      if (given !== stream) return;
      release();
      say("camera", UNPLUGGED);
    });
    video.srcObject = given;
    await video.play().catch(() => {});
    if (turn !== starting) return;
    for (const kind of Object.keys(notes)) notes[kind] = "";
    if (!live.running) {
      live.running = true;
      lastFace = lastLook = performance.now();
      link = connect({ base, onanswer: take, onfresh: () => { fresh = true; }, onnote: (text) => say("link", text) });
      link.options(options);
      asked = requestAnimationFrame(turnOver);
      watch();
    }
    onchange();
  }

  const release = () => {
    if (stream) stream.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
    if (link) link.close();
    link = flying = null;
    encoding = false;
    cancelAnimationFrame(asked);
    if (video.cancelVideoFrameCallback) video.cancelVideoFrameCallback(watched);
    live.running = false;
    live.faces = [];
    live.stats = {};
    frames.length = 0;
    moment = null;
    for (const kind of Object.keys(seen)) seen[kind] = [];
    scene.clear();
    for (const kind of ["link", "server", "hint"]) notes[kind] = "";
    scene.pen.resetTransform();
    scene.pen.clearRect(0, 0, canvas.width, canvas.height);
    onchange();
  };

  function stop() {
    starting += 1;
    notes.camera = "";
    release();
  }

  // ── from the camera to the server ──

  const watch = () => {
    if (!live.running) return;
    if (video.requestVideoFrameCallback) watched = video.requestVideoFrameCallback((now, about) => { grab(about.captureTime || now); watch(); });
  };

  let shownTime = -1;
  const poll = (now) => {  // where the browser doesn't tell of new frames
    if (video.requestVideoFrameCallback || video.currentTime === shownTime) return;
    shownTime = video.currentTime;
    grab(now);
  };

  const grab = (at) => {
    const [width, height] = [video.videoWidth, video.videoHeight];
    if (!width || !live.running) return;
    const scale = Math.min(1, 640 / Math.max(width, height));
    const frame = frames.length < KEPT_FRAMES ? { canvas: canvasOf(1, 1) } : frames.shift();
    const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
    if (frame.canvas.width !== size.width || frame.canvas.height !== size.height) Object.assign(frame.canvas, size);
    frame.canvas.getContext("2d").drawImage(video, 0, 0, size.width, size.height);
    frame.at = at;
    frames.push(frame);
    if (link.free() && !encoding) send(frame);
  };

  const send = async (frame) => {
    const mine = link;
    encoding = true;
    const message = await encode(frame.canvas).catch(() => null);
    encoding = false;
    if (!message || mine !== link || !link.free()) return;
    new DataView(message).setUint32(0, ++number >>> 0, true);
    flying = { n: number, at: frame.at };
    link.send(message);
  };

  // ── from the server to the page ──

  const take = (answer) => {
    const now = performance.now();
    say("server", answer.error || "");
    if (answer.error || !answer.faces) return;
    if (lastAnswer) interval = 0.8 * interval + 0.2 * clamp(now - lastAnswer, 5, 400);
    lastAnswer = now;
    const glide = clamp(interval, ...GLIDE);
    if (fresh) scene.forget(answer.faces.map((face) => face.id));
    fresh = false;
    scene.take(answer, now, glide);
    if (now - asking > 3000 && scene.strangers(now)) {
      asking = now;
      link.options({ resend: true }, true);
    }
    live.width = answer.width;
    if (answer.faces.length) lastFace = now;
    if (flying && flying.n === answer.n) {
      moment = { from: moment ? momentShown(now) : flying.at, to: flying.at, since: now, glide };
      remember("latency", now, now - flying.at + glide);
    }
    remember("answers", now, 1);
    remember("server", now, answer.ms);
    hint(answer.note || "", now);
    onanswer(answer);
  };

  const momentShown = (now) => moment.from + (moment.to - moment.from) * clamp((now - moment.since) / moment.glide, 0, 1);

  let black = false;
  const hint = (note, now) => {
    if (now - lastLook > 700 && frames.length) {
      lastLook = now;
      small.drawImage(frames[frames.length - 1].canvas, 0, 0, 16, 12);
      const { data } = small.getImageData(0, 0, 16, 12);
      black = data.reduce((sum, value, i) => sum + (i % 4 < 3 ? value : 0), 0) / (16 * 12 * 3) < DARK;
    }
    say("hint", black ? BLACK : note || (now - lastFace > 800 ? NO_FACE : ""));
  };

  // ── on the display ──

  const turnOver = (now) => {
    if (!live.running) return;
    asked = requestAnimationFrame(turnOver);
    poll(now);
    paint(performance.now());
    onframe(now);
    remember("drawn", now, 1);
    const answers = recent("answers", now).length;
    live.stats = {
      drawn: recent("drawn", now).length, tracked: answers, latency: median(recent("latency", now)),
      server: median(recent("server", now)), way: link.way(),
    };
  };

  const paint = (now) => {
    if (!live.frozen) fit();
    const at = moment && now - lastAnswer < 1000 ? momentShown(now) + 8 : Infinity;
    const frame = frames.findLast((one) => one.at <= at) || frames[0];
    const picture = frame ? { image: frame.canvas, width: frame.canvas.width, height: frame.canvas.height } : null;
    if (picture) live.ratio = picture.width / picture.height;
    live.faces = scene.draw(look, picture, live.width || 640, now).map(({ id, drawn, face, avatar }) => ({ id, ...drawn, face, avatar }));
  };

  const fit = () => {
    const { clientWidth, clientHeight } = canvas;
    const ratio = Math.min(devicePixelRatio || 1, MOST_PIXELS / Math.max(1, clientWidth, clientHeight));
    const size = { width: Math.max(1, Math.round(clientWidth * ratio)), height: Math.max(1, Math.round(clientHeight * ratio)) };
    if (canvas.width !== size.width || canvas.height !== size.height) Object.assign(canvas, size);
  };

  window.addEventListener("pagehide", stop);
  return live;
};
