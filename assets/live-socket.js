// How pictures go to the server and motion comes back: by a WebSocket, or one request each where the network lets none
// through. One picture is in flight. `connect({ base, onanswer, onfresh, onnote })`: base is the app's
// address; onfresh is called before the answers of another session.
const PATIENCE = 5000;  // ms without an answer, after which the connection is made anew
const WAITS = [300, 700, 1500, 3000, 5000];  // ms before the next attempts
const IDLE_CLOSE_CODE = 4000;  // of a socket that the server closed because no picture came; see ui/live_socket.py
const DIES_AT_ONCE = 1500;  // ms; a proxy that cuts WebSockets does it sooner

const connect = ({ base, onanswer, onfresh, onnote }) => {
  const address = (name) => new URL("live/" + name, base.replace(/\/?$/, "/"));
  const session = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  let socket = null, byHttp = false, ready = false, busy = false, over = false;
  let idle = false;  // the server closed the socket because no picture came
  let known = false;  // by HTTP, the server keeps the session from its first valid picture on
  let failures = 0, waiting = null, patience = null;
  let options = {}, unsent = null;  // unsent: options that the next request takes first

  const answered = (text) => {
    clearTimeout(patience);
    busy = false;
    let answer;
    try { answer = JSON.parse(text); } catch (error) { return; }
    if (!answer.error) failures = 0;
    onanswer(answer);
  };

  const retry = (note) => {
    clearTimeout(patience);
    clearTimeout(waiting);
    ready = busy = false;
    if (over) return;
    if (note) onnote(note);
    waiting = setTimeout(open, WAITS[Math.min(failures++, WAITS.length - 1)]);
  };

  const open = () => {
    if (over) return;
    if (byHttp) {
      unsent = options;
      known = false;
      ready = true;
      onfresh();
      return;
    }
    const at = performance.now();
    let mine, worked = false;
    try {
      const url = address("ws");
      url.protocol = url.protocol.replace("http", "ws");
      mine = socket = new WebSocket(url);
    } catch (error) {
      byHttp = true;
      return open();
    }
    mine.binaryType = "arraybuffer";
    mine.onopen = () => {
      if (mine !== socket) return;
      ready = true;
      onfresh();
      mine.send(JSON.stringify(options));
    };
    mine.onmessage = (event) => {
      if (mine !== socket) return;
      if (!worked) onnote("");
      worked = true;
      answered(event.data);
    };
    mine.onclose = (event) => {
      if (mine !== socket) return;
      socket = null;
      if (event.code === IDLE_CLOSE_CODE) {
        clearTimeout(patience);
        idle = true;
        ready = busy = false;
        return;
      }
      if (!worked && (!ready || performance.now() - at < DIES_AT_ONCE)) {
        byHttp = true;
        return retry("");
      }
      retry("The connection was lost. Reconnecting …");
    };
  };

  const drop = () => {
    const old = socket;
    socket = null;
    if (old) old.close();
  };

  const post = async (body, type) => {
    const response = await fetch(address("frame?session=" + session), {
      method: "POST", body, headers: { "Content-Type": type }, signal: AbortSignal.timeout(PATIENCE),
    });
    const text = await response.text();
    if (!response.ok && !text.startsWith("{")) throw new Error(response.status);
    return text;
  };

  const sendByHttp = async (message) => {
    try {
      if (unsent && known) {
        const text = JSON.stringify(unsent);
        unsent = null;
        await post(text, "application/json");
      }
      const text = await post(message, "application/octet-stream");
      if (over) return;
      known ||= !JSON.parse(text).error;
      onnote("The network blocks WebSockets: frames are sent one by one, which is slower.");
      answered(text);
    } catch (error) {
      if (over) return;
      if (failures > 1) byHttp = false;  // perhaps the app itself was gone
      retry("The app does not respond. Trying again …");
    }
  };

  open();
  return {
    free: () => {
      if (idle) {
        idle = false;
        open();
      }
      return ready && !busy;
    },
    way: () => byHttp ? "http" : "socket",
    // A message: uint32 n, little endian, then a JPEG.
    send(message) {
      busy = true;
      if (byHttp) return sendByHttp(message);
      clearTimeout(patience);
      patience = setTimeout(() => { drop(); retry("No response for five seconds. Reconnecting …"); }, PATIENCE);
      socket.send(message);
    },
    options(given, once = false) {
      if (!once) options = { ...options, ...given };
      if (!ready) return;
      if (byHttp) unsent = { ...unsent, ...given };
      else socket.send(JSON.stringify(given));
    },
    close() {
      over = true;
      clearTimeout(patience);
      clearTimeout(waiting);
      drop();
    },
  };
};
