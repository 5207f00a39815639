// @ts-check
/**
 * What NiceGUI's page takes for its Socket.IO socket. Its frames travel over whatever link the tab has at the moment:
 * a socket of its own, the leader's socket, or none for a while. Frames that must arrive exactly once are numbered,
 * kept until the server has acknowledged them, and repeated over the next link; the server drops repetitions.
 */

export const LOST_CONNECTION_GRACE_MS = 1000; // a hand-over is over before a person is told of anything
export const REFUSED = "Implicit handshake failed"; // in NiceGUI's words
const EXACTLY_ONCE = new Set(["event", "javascript_response", "log"]);

/**
 * @typedef {(...args: any[]) => void} Acknowledge
 * @typedef {{ number: number, event: string, data: any }} Frame
 * @typedef {{ deliver(frame: Frame): void, post(event: string, data: any, acknowledge?: Acknowledge): void }} Link
 *   `deliver` hands over a numbered frame, to be answered by `acknowledge`; `post` one that may be lost
 * @typedef {{ leave(): void, comeBack(): void, drop(): void }} Control what a page may ask for: to have no connection, to
 *   have one again, and to lose the one it has, as by a fault of the network
 */

export class TabSocket {
  /** @param {Record<string, any>} options as NiceGUI passes them to `io(url, options)` */
  constructor(options) {
    this.options = options;
    // a prerendered page would make its handshake by a frame of its own; here every link makes it when it is set up
    options.query.implicit_handshake = true;
    /** @type {string | undefined} as on the real socket, there is none without a connection */
    this.id = undefined;
    this.connected = false;
    /** @type {Control | null} */
    this.control = null;
    this.hasLeft = false; // the page has asked for no connection
    /** @type {Map<string, Function[]>} */
    this.handlers = new Map();
    /** @type {Map<string, Function[]>} */
    this.managerHandlers = new Map();
    /** @type {(Frame & { acknowledge?: Acknowledge })[]} */
    this.unacknowledged = [];
    this.lastNumber = 0;
    this.linkNumber = 0;
    /** @type {Link | null} */
    this.link = null;
    /** @type {any} */
    this.graceTimer = null;
    this.io = {
      opts: { ...options }, // NiceGUI changes them to fall back to polling, which is the real socket's affair here
      engine: { transport: this.#makeTransport(), close: () => this.control?.drop() },
      on: (/** @type {string} */ event, /** @type {Function} */ handler) => {
        append(this.managerHandlers, event, handler);
      },
    };
  }

  get clientId() {
    return this.options.query.client_id;
  }

  get documentId() {
    return this.options.query.document_id;
  }

  /** @param {string} event @param {Function} handler */
  on(event, handler) {
    append(this.handlers, event, handler);
    return this;
  }

  /** @param {string} event @param {Function} handler */
  once(event, handler) {
    const only = (/** @type {any[]} */ ...args) => {
      this.off(event, only);
      handler(...args);
    };
    return this.on(event, only);
  }

  /** @param {string} [event] all without one @param {Function} [handler] all of the event without one */
  off(event, handler) {
    if (event === undefined) this.handlers.clear();
    else this.handlers.set(event, handler ? (this.handlers.get(event) ?? []).filter((other) => other !== handler) : []);
    return this;
  }

  /** @param {string} event @param {any} [data] @param {Acknowledge} [acknowledge] called with the server's answer */
  emit(event, data, acknowledge) {
    if (typeof data === "function") [data, acknowledge] = [undefined, data];
    if (event === "handshake") {
      acknowledge?.(true);
      return this;
    }
    // NiceGUI wraps `send` to refuse what the server would not take, replacing it by a frame that says so
    this.io.engine.transport.ws.send(`42${JSON.stringify([event, data])}`, acknowledge);
    return this;
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
    this.detach();
    clearTimeout(this.graceTimer);
    this.graceTimer = null;
    if (this.connected) this.#lose("io client disconnect");
    return this;
  }

  /** Before a link is set up: what its handshake must say. @returns {Record<string, any>} */
  query() {
    this.#fire(this.managerHandlers, "reconnect_attempt"); // has NiceGUI update next_message_id
    this.options.query.link_number = ++this.linkNumber; // a handshake that arrives after a later one counts no more
    return this.options.query;
  }

  /**
   * Use a link whose handshake the server has accepted.
   * @param {Link} link @param {number} received the number of the last frame that the server has
   */
  attach(link, received) {
    clearTimeout(this.graceTimer);
    this.graceTimer = null;
    this.link = link;
    this.io.engine.transport = this.#makeTransport();
    this.acknowledge(received);
    for (const { number, event, data } of this.unacknowledged) link.deliver({ number, event, data });
    this.id = this.options.query.document_id;
    this.connected = true;
    this.#fire(this.handlers, "connect");
  }

  /** The link is gone. NiceGUI's page is told only if no other takes its place soon. */
  detach() {
    this.link = null;
    if (!this.connected || this.graceTimer !== null) return;
    this.graceTimer = setTimeout(() => {
      this.graceTimer = null;
      this.#lose("transport close");
    }, LOST_CONNECTION_GRACE_MS);
  }

  /** The server knows this page no more; NiceGUI reloads it. */
  expire() {
    this.#fire(this.handlers, "connect_error", new Error(REFUSED));
  }

  /** A message from the server. @param {string} event @param {any[]} args */
  dispatch(event, ...args) {
    this.#fire(this.handlers, event, ...args);
  }

  /** @param {number} received the number of the last frame that the server has */
  acknowledge(received) {
    while (this.unacknowledged.length && this.unacknowledged[0].number <= received) {
      this.unacknowledged.shift()?.acknowledge?.();
    }
  }

  #makeTransport() {
    return {
      ws: { send: (/** @type {any[]} */ ...args) => this.#send(args[0], args[1]) },
      onClose: () => this.control?.drop(),
    };
  }

  /**
   * Send what JSON makes of a frame, as the real socket does: a function in it, say, could not be posted to another tab.
   * @param {string} text @param {Acknowledge} [acknowledge]
   */
  #send(text, acknowledge) {
    const [event, data] = JSON.parse(text.slice(2));
    if (!EXACTLY_ONCE.has(event)) {
      this.link?.post(event, data, acknowledge);
      return;
    }
    const frame = { number: ++this.lastNumber, event, data };
    this.unacknowledged.push({ ...frame, acknowledge });
    this.link?.deliver(frame);
  }

  /** @param {string} reason */
  #lose(reason) {
    this.connected = false;
    this.id = undefined;
    this.#fire(this.handlers, "disconnect", reason);
  }

  /** @param {Map<string, Function[]>} handlers @param {string} event @param {any[]} args */
  #fire(handlers, event, ...args) {
    for (const handler of handlers.get(event) ?? []) handler(...args);
  }
}

/** @param {Map<string, Function[]>} handlers @param {string} event @param {Function} handler */
function append(handlers, event, handler) {
  handlers.set(event, [...(handlers.get(event) ?? []), handler]);
}
