// @ts-check
/**
 * What NiceGUI's page takes for its Socket.IO socket. Its frames travel over whatever link the tab has at the moment:
 * a socket of its own, the leader's socket, or none for a while. Frames that must arrive exactly once are numbered,
 * kept until the server has acknowledged them, and repeated over the next link; the server drops repetitions.
 *
 * The module is long because a page must find all that a Socket.IO socket has.
 */

import { Emitter } from "./emitter.js";
import { RESERVED } from "./messages.js";
import { Question } from "./question.js";

export const LOST_CONNECTION_GRACE_MS = 1000; // a hand-over is over before a person is told of anything
export const REFUSED = "Implicit handshake failed"; // in NiceGUI's words
const EXACTLY_ONCE = new Set(["event", "javascript_response", "log"]);

/**
 * @typedef {import("./question.js").Acknowledge} Acknowledge
 * @typedef {{ number: number, event: string, data: any }} Frame
 * @typedef {{ event: string, args: any[], question?: Question }} Loose a frame that may be lost with its link
 * @typedef {{ deliver(frame: Frame): void, post(event: string, args: any[], answer?: Acknowledge): void }} Link
 *   `deliver` hands over a numbered frame, to be answered by `acknowledge`; `post` one that may be lost
 * @typedef {{ leave(): void, comeBack(): void, drop(): void }} Control what a page may ask for: to have no connection, to
 *   have one again, and to lose the one it has, as by a fault of the network
 */

export class TabSocket extends Emitter {
  /** @param {Record<string, any>} options as NiceGUI passes them to `io(url, options)` */
  constructor(options) {
    super();
    this.options = options;
    // a prerendered page would send its handshake as a frame; here each link makes the handshake when it is set up
    options.query.implicit_handshake = true;
    /** @type {string | undefined} as on the real socket, there is none without a connection */
    this.id = undefined;
    this.connected = false;
    this.recovered = false;
    this.nsp = "/";
    /** @type {Control | null} */
    this.control = null;
    this.hasLeft = false; // the page has asked for no connection
    /** @type {{ volatile?: boolean, timeout?: number }} of the next frame */
    this.flags = {};
    /** @type {Function[]} */
    this.anyListeners = [];
    /** @type {Function[]} */
    this.anyOutgoingListeners = [];
    /** @type {(Frame & { question?: Question })[]} */
    this.unacknowledged = [];
    /** @type {Loose[]} that wait for a link */
    this.sendBuffer = [];
    /** @type {Set<Question>} that travelled over the present link, without a number */
    this.asked = new Set();
    this.lastNumber = 0;
    this.linkNumber = 0;
    this.attempts = 0; // to get a link, since the last one
    /** @type {Link | null} */
    this.link = null;
    /** @type {any} */
    this.graceTimer = null;
    this.io = new TabManager(this);
  }

  get clientId() {
    return this.options.query.client_id;
  }

  get documentId() {
    return this.options.query.document_id;
  }

  get disconnected() {
    return !this.connected;
  }

  /** Whether it has a connection, or gets one again by itself. */
  get active() {
    return !this.hasLeft;
  }

  /** The next frame is only worth sending now. */
  get volatile() {
    this.flags.volatile = true;
    return this;
  }

  /** The next frame's acknowledgement is called with an error if no answer has come in time. @param {number} ms */
  timeout(ms) {
    this.flags.timeout = ms;
    return this;
  }

  /** Nothing is compressed here. */
  compress() {
    return this;
  }

  /** @param {string} event @param {any[]} args data, and at last a function that is called with the server's answer */
  emit(event, ...args) {
    if (RESERVED.has(event)) throw new Error(`"${event}" is a reserved event name`);
    const flags = this.flags;
    this.flags = {};
    const answered = typeof args.at(-1) === "function" ? args.pop() : undefined;
    if (event === "handshake") {
      answered?.(true);
      return this;
    }
    if (flags.volatile && !this.link) return this;
    const question = answered && new Question(answered, flags.timeout);
    // NiceGUI wraps `send` to refuse what the server would not take, replacing it by a frame that says so
    this.io.engine.transport.ws.send(`42${JSON.stringify([event, ...args])}`, question);
    return this;
  }

  /** @param {string} event @param {any[]} args @returns {Promise<any>} of the server's answer */
  emitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      const settle = (/** @type {any} */ error, /** @type {any} */ answer) => (error ? reject(error) : resolve(answer));
      this.emit(event, ...args, Object.assign(settle, { withError: true }));
    });
  }

  /** @param {any[]} args */
  send(...args) {
    return this.emit("message", ...args);
  }

  /** The page wants its connection back, after it has asked for none. */
  connect() {
    if (!this.hasLeft) return this;
    this.hasLeft = false;
    this.control?.comeBack();
    return this;
  }

  /** The page wants no connection until it asks for one. */
  disconnect() {
    this.hasLeft = true;
    this.control?.leave();
    this.#lose("io client disconnect");
    return this;
  }

  open() {
    return this.connect();
  }

  close() {
    return this.disconnect();
  }

  /** @param {Function} listener */
  onAny(listener) {
    this.anyListeners = [...this.anyListeners, listener];
    return this;
  }

  /** @param {Function} listener */
  prependAny(listener) {
    this.anyListeners = [listener, ...this.anyListeners];
    return this;
  }

  /** @param {Function} [listener] all without one */
  offAny(listener) {
    this.anyListeners = listener ? this.anyListeners.filter((other) => other !== listener) : [];
    return this;
  }

  listenersAny() {
    return this.anyListeners;
  }

  /** @param {Function} listener */
  onAnyOutgoing(listener) {
    this.anyOutgoingListeners = [...this.anyOutgoingListeners, listener];
    return this;
  }

  /** @param {Function} listener */
  prependAnyOutgoing(listener) {
    this.anyOutgoingListeners = [listener, ...this.anyOutgoingListeners];
    return this;
  }

  /** @param {Function} [listener] all without one */
  offAnyOutgoing(listener) {
    this.anyOutgoingListeners = listener ? this.anyOutgoingListeners.filter((other) => other !== listener) : [];
    return this;
  }

  listenersAnyOutgoing() {
    return this.anyOutgoingListeners;
  }

  /** Before a link is set up: what its handshake must say. @returns {Record<string, any>} */
  query() {
    // has NiceGUI update next_message_id
    if (this.linkNumber > 0) this.io.emitReserved("reconnect_attempt", ++this.attempts);
    this.options.query.link_number = ++this.linkNumber; // a handshake that arrives after a later one counts no more
    return this.options.query;
  }

  /**
   * Use a link whose handshake the server has accepted.
   * @param {Link} link @param {number} received the number of the last frame that the server has
   */
  attach(link, received) {
    this.#endGrace();
    this.#forgetQuestions();
    this.link = link;
    this.io.engine.transport = this.io.makeTransport();
    this.acknowledge(received);
    for (const { number, event, data } of this.unacknowledged) link.deliver({ number, event, data });
    this.id = this.options.query.document_id;
    this.connected = true;
    for (const frame of this.sendBuffer.splice(0)) this.#post(link, frame);
    const { attempts } = this;
    this.attempts = 0;
    if (attempts) this.io.emitReserved("reconnect", attempts);
    this.emitReserved("connect");
  }

  /** The link is gone. NiceGUI's page is told only if no other takes its place soon. */
  detach() {
    this.link = null;
    this.#forgetQuestions();
    if (!this.connected || this.graceTimer !== null) return;
    this.graceTimer = setTimeout(() => this.#lose("transport close"), LOST_CONNECTION_GRACE_MS);
  }

  /** The page itself breaks its connection, which is made again. @param {string} reason */
  break(reason) {
    if (!this.link) return;
    this.control?.drop();
    this.#lose(reason);
  }

  /** The server knows this page no more; NiceGUI reloads it. */
  expire() {
    this.emitReserved("connect_error", new Error(REFUSED));
  }

  /** A message from the server. @param {string} event @param {any[]} args */
  dispatch(event, ...args) {
    for (const listener of this.anyListeners) listener.apply(this, [event, ...args]);
    this.emitReserved(event, ...args);
  }

  /** @param {number} received the number of the last frame that the server has */
  acknowledge(received) {
    if (received > this.lastNumber) return; // nobody can have what was not sent
    while (this.unacknowledged.length && this.unacknowledged[0].number <= received) {
      this.unacknowledged.shift()?.question?.answer();
    }
  }

  /**
   * Send what JSON makes of a frame, as the real socket does: a function in it, say, could not be posted to another tab.
   * @param {string} text @param {Question} [question]
   */
  transmit(text, question) {
    const [event, ...args] = JSON.parse(text.slice(2));
    if (EXACTLY_ONCE.has(event) && args.length === 1) {
      const frame = { number: ++this.lastNumber, event, data: args[0] };
      this.unacknowledged.push({ ...frame, question });
      this.#tellOutgoing(event, args);
      this.link?.deliver(frame);
    } else if (this.link) this.#post(this.link, { event, args, question });
    else this.sendBuffer.push({ event, args, question });
  }

  /** @param {Link} link @param {Loose} frame */
  #post(link, { event, args, question }) {
    if (question?.isOver) return; // its time was over before there was a link
    this.#tellOutgoing(event, args);
    if (question) this.asked.add(question);
    link.post(event, args, question && ((...answer) => this.#onAnswer(question, answer)));
  }

  /** @param {string} event @param {any[]} args */
  #tellOutgoing(event, args) {
    for (const listener of this.anyOutgoingListeners) listener.apply(this, [event, ...args]);
  }

  /** @param {Question} question @param {any[]} answer */
  #onAnswer(question, answer) {
    this.asked.delete(question);
    question.answer(...answer);
  }

  /** The link over which they travelled is gone: nobody answers them any more. */
  #forgetQuestions() {
    const { asked } = this;
    this.asked = new Set();
    for (const question of asked) question.fail("socket has been disconnected");
  }

  #endGrace() {
    clearTimeout(this.graceTimer);
    this.graceTimer = null;
  }

  /** @param {string} reason */
  #lose(reason) {
    this.link = null;
    this.#endGrace();
    this.#forgetQuestions();
    if (!this.connected) return;
    this.connected = false;
    this.id = undefined;
    this.emitReserved("disconnect", reason);
    this.io.emitReserved("close", reason);
  }
}

/** Stands for the connection itself, as `socket.io`. */
class TabManager extends Emitter {
  /** @param {TabSocket} socket */
  constructor(socket) {
    super();
    this.socket = socket;
    this.opts = { ...socket.options }; // NiceGUI changes them to fall back to polling, which is the real socket's affair
    this.engine = Object.assign(new Emitter(), {
      transport: this.makeTransport(),
      close: () => socket.break("forced close"),
    });
  }

  makeTransport() {
    const { socket } = this;
    return {
      name: "websocket",
      ws: { send: (/** @type {any[]} */ ...args) => socket.transmit(args[0], args[1]) },
      onClose: () => socket.break("transport close"),
    };
  }
}
