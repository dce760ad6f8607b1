/** A connection that comes back by itself. Knows messages and labels; knows nothing of rooms, people or the page. */

const SILENCE = 25_000; // ms without a message, after which the server is asked whether it is there
const DEADLINE = 10_000; // ms that it may take to answer, or to accept a connection
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

/** The server does not do what it was asked; the message is a sentence to show. */
export class Refused extends Error {
  constructor(refusal) {
    super(refusal.sentence);
    this.kind = refusal.refusal;
  }
}

/** The connection was lost before an answer came. */
export class Lost extends Error {
  constructor() {
    super("The connection was lost before the server could answer.");
  }
}

export class Connection {
  /** "connecting", "open", "waiting" (to connect again) or "stopped". */
  state = "stopped";

  /** `on.message(message)` hears everything; `on.state(state, until)` hears when the state changes. */
  constructor(address, on) {
    this.address = address;
    this.on = on;
    this.attempts = 0;
    this.labels = 0;
    this.mutedUntil = 0;
    this.asked = new Map();
    for (const event of ["online", "pageshow"]) addEventListener(event, () => this.wake());
    addEventListener("offline", () => this.state === "open" && this.#ping());
    document.addEventListener("visibilitychange", () => document.hidden || this.wake());
  }

  start() {
    clearTimeout(this.timer);
    this.#drop();
    this.#become("connecting");
    const socket = (this.socket = new WebSocket(this.address));
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    socket.onclose = () => this.#lose();
    this.timer = setTimeout(() => this.#lose(), DEADLINE);
  }

  stop() {
    this.#drop();
    clearTimeout(this.timer);
    this.#become("stopped");
  }

  /** Find out at once how things are: after sleep, or when the network is back. */
  wake() {
    if (this.state === "waiting") this.start();
    else if (this.state === "open" && Date.now() - this.heardAt > 5000) this.#ping();
  }

  /** Send a message; one that cannot be sent is dropped. Give its label. */
  send(message) {
    const label = message.label ?? String(++this.labels);
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ ...message, label }));
    return label;
  }

  /** Ask for something and wait for its answer or echo. Raises Refused or Lost. */
  ask(message) {
    if (this.state !== "open") return Promise.reject(new Lost());
    return new Promise((resolve, reject) => this.asked.set(this.send(message), { resolve, reject }));
  }

  #hear(message) {
    this.heardAt = Date.now();
    if (message.answer === "hello") {
      this.attempts = 0;
      this.#become("open");
    }
    if (message.refusal === "flooding") this.mutedUntil = this.heardAt + message.seconds * 1000;
    this.#watch();
    this.#settle(message); // first: whoever hears the goodbye stops the connection, with all that still waits
    this.on.message(message);
  }

  #settle(message) {
    const request = this.asked.get(message.label);
    if (!request || message.answer === "isaway") return;
    const list = { members: "people", rooms: "rooms" }[message.answer];
    if (list) {
      message = { ...message, [list]: [...(request.begun ?? []), ...message[list]] };
      request.begun = message[list];
      if (message.more) return;
    }
    this.asked.delete(message.label);
    if (message.event === "notsent") message = { refusal: "notsent", sentence: `Not sent: ${message.why}.` };
    if (message.refusal) request.reject(new Refused(message));
    else request.resolve(message);
  }

  /** Wait for the next message, and ask for a sign of life if there is none. */
  #watch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#ping(), SILENCE);
  }

  #ping() {
    this.send({ do: "ping" });
    clearTimeout(this.timer);
    const muted = Math.max(0, this.mutedUntil - Date.now()); // meanwhile nothing is answered
    this.timer = setTimeout(() => this.#lose(), DEADLINE + muted);
  }

  #lose() {
    this.#drop();
    clearTimeout(this.timer);
    const pause = Math.min(FIRST_PAUSE * 2 ** this.attempts++, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
    this.timer = setTimeout(() => this.start(), pause);
    this.#become("waiting", Date.now() + pause);
  }

  /** Let go of the socket, whatever becomes of it: one to a network that is gone may take minutes to close. */
  #drop() {
    if (!this.socket) return;
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
    const asked = [...this.asked.values()];
    this.asked.clear();
    for (const { reject } of asked) reject(new Lost());
  }

  #become(state, until) {
    this.state = state;
    this.on.state(state, until);
  }
}
