/**
 * The connection of live video: a WebSocket, or one HTTP request a frame where a proxy blocks WebSockets.
 *
 * One frame is in flight at a time. The protocol: see dtn_core/pipeline/live/protocol.py.
 */

/** Milliseconds without an answer after which the connection is renewed. */
const ANSWER_TIMEOUT = 5000;

/** Milliseconds before the next attempts to connect. */
const RETRY_DELAYS = [300, 700, 1500, 3000, 5000];

/** Close code of a socket that was idle, as in dtn_core/ui/api/live_socket.py. */
const IDLE_CLOSE_CODE = 4000;

/** A proxy that blocks WebSockets closes them within this many milliseconds. */
const BLOCKED_WITHIN = 1500;

const LOST = "The connection was lost. Reconnecting …";
const TIMED_OUT = "No response for five seconds. Reconnecting …";
const UNREACHABLE = "The app does not respond. Trying again …";
const SLOW = "The network blocks WebSockets: frames are sent one by one, which is slower.";

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class LiveConnection {
  /**
   * @param {object} settings
   * @param {string} settings.base address of the app
   * @param {(answer: object) => void} settings.onanswer
   * @param {() => void} settings.onsession is called before the answers of a new session
   * @param {(text: string) => void} settings.onnote shows a problem, or "" once it is gone
   */
  constructor({ base, onanswer, onsession, onnote }) {
    this.base = base.replace(/\/?$/, "/");
    this.onanswer = onanswer;
    this.onsession = onsession;
    this.onnote = onnote;
    this.session = randomId();  // by HTTP
    this.socket = null;
    this.usesHttp = false;
    this.isReady = false;
    this.isBusy = false;
    this.isClosed = false;
    this.isIdle = false;  // the server closed the socket because no frame came
    this.isKnown = false;  // by HTTP, the server keeps a session from its first valid frame
    this.failures = 0;
    this.retryTimer = null;
    this.answerTimer = null;
    this.options = {};
    this.unsentOptions = null;  // by HTTP, the next request sends them first
    this.#open();
  }

  /** Whether a frame can be sent now. Reopens a socket that was closed because it was idle. */
  isFree() {
    if (this.isIdle) {
      this.isIdle = false;
      this.#open();
    }
    return this.isReady && !this.isBusy;
  }

  /** @returns {"http"|"socket"} */
  get transport() {
    return this.usesHttp ? "http" : "socket";
  }

  /** Send a message: a uint32 number, little endian, then a JPEG. @param {ArrayBuffer} message */
  send(message) {
    this.isBusy = true;
    if (this.usesHttp) {
      this.#sendByHttp(message);
      return;
    }
    clearTimeout(this.answerTimer);
    this.answerTimer = setTimeout(() => {
      this.#closeSocket();
      this.#retry(TIMED_OUT);
    }, ANSWER_TIMEOUT);
    this.socket.send(message);
  }

  /** Send options. They are sent again to every new session, unless `once`. */
  setOptions(options, once = false) {
    if (!once) this.options = { ...this.options, ...options };
    if (!this.isReady) return;
    if (this.usesHttp) this.unsentOptions = { ...this.unsentOptions, ...options };
    else this.socket.send(JSON.stringify(options));
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.answerTimer);
    clearTimeout(this.retryTimer);
    this.#closeSocket();
  }

  #address(name) {
    return new URL(`live/${name}`, this.base);
  }

  #open() {
    if (this.isClosed) return;
    if (this.usesHttp) this.#openHttp();
    else this.#openSocket();
  }

  #openHttp() {
    this.unsentOptions = this.options;
    this.isKnown = false;
    this.isReady = true;
    this.onsession();
  }

  #openSocket() {
    const openedAt = performance.now();
    let hasAnswered = false;
    let socket = null;
    try {
      const url = this.#address("ws");
      url.protocol = url.protocol.replace("http", "ws");
      socket = new WebSocket(url);
    } catch {
      this.usesHttp = true;
      this.#openHttp();
      return;
    }
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (socket !== this.socket) return;
      this.isReady = true;
      this.onsession();
      socket.send(JSON.stringify(this.options));
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      if (!hasAnswered) this.onnote("");
      hasAnswered = true;
      this.#handleAnswer(data);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.socket) return;
      this.socket = null;
      const isBlocked = !hasAnswered && (!this.isReady || performance.now() - openedAt < BLOCKED_WITHIN);
      if (code === IDLE_CLOSE_CODE) {
        this.#becomeIdle();
      } else if (isBlocked) {
        this.usesHttp = true;
        this.#retry("");
      } else {
        this.#retry(LOST);
      }
    };
  }

  #becomeIdle() {
    clearTimeout(this.answerTimer);
    this.isIdle = true;
    this.isReady = false;
    this.isBusy = false;
  }

  #closeSocket() {
    const { socket } = this;
    this.socket = null;
    socket?.close();
  }

  #handleAnswer(text) {
    clearTimeout(this.answerTimer);
    this.isBusy = false;
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      return;
    }
    if (!answer.error) this.failures = 0;
    this.onanswer(answer);
  }

  #retry(note) {
    clearTimeout(this.answerTimer);
    clearTimeout(this.retryTimer);
    this.isReady = false;
    this.isBusy = false;
    if (this.isClosed) return;
    if (note) this.onnote(note);
    const delay = RETRY_DELAYS[Math.min(this.failures, RETRY_DELAYS.length - 1)];
    this.failures += 1;
    this.retryTimer = setTimeout(() => this.#open(), delay);
  }

  async #sendByHttp(message) {
    try {
      if (this.unsentOptions && this.isKnown) {
        const text = JSON.stringify(this.unsentOptions);
        this.unsentOptions = null;
        await this.#post(text, "application/json");
      }
      const text = await this.#post(message, "application/octet-stream");
      if (this.isClosed) return;
      this.isKnown ||= !JSON.parse(text).error;
      this.onnote(SLOW);
      this.#handleAnswer(text);
    } catch {
      if (this.isClosed) return;
      if (this.failures > 1) this.usesHttp = false;  // perhaps the app itself was not running
      this.#retry(UNREACHABLE);
    }
  }

  async #post(body, type) {
    const response = await fetch(this.#address(`frame?session=${this.session}`), {
      method: "POST",
      body,
      headers: { "Content-Type": type },
      signal: AbortSignal.timeout(ANSWER_TIMEOUT),
    });
    const text = await response.text();
    if (!response.ok && !text.startsWith("{")) throw new Error(response.status);
    return text;
  }
}
