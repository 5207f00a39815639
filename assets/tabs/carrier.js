// @ts-check
/**
 * A leader's side: holds the one real socket, and carries the tabs that follow.
 *
 * The module is long because all that travels over that socket, in either direction, passes here.
 */

/** @typedef {import("./election.js").Message} Message */

import { REFUSED } from "./tab_socket.js";
import { awaitTabEnd } from "./web_locks.js";

export const PROBE_TIMEOUT_MS = 2000;
export const FOLLOWER_SILENCE_MS = 15000; // where there are no locks: a follower that answers no ping has ended
const SWEEP_MS = 5000;

export class Carrier {
  /** @param {{ tab: import("./tab.js").Tab, term: number, connectReal: (changes: object) => any }} parts */
  constructor({ tab, term, connectReal }) {
    this.tab = tab;
    this.term = term;
    this.link = 0; // counts the connections, so that followers know when to join again
    this.ready = false;
    /** @type {number | null} */
    this.heardAt = null;
    /** @type {Map<string, { clientId: string, heardAt: number, unwatch: () => void }>} by TAB_ID */
    this.carried = new Map();
    /** @type {Map<number, { tab: string, answer: (...args: any[]) => void }>} what the server waits for, of a tab */
    this.asked = new Map();
    this.sweepTimer = navigator.locks ? null : setInterval(() => this.#sweep(), SWEEP_MS);
    /** @type {any} */
    this.probeTimer = null;
    this.socket = /** @type {import("./tab_socket.js").TabSocket} */ (tab.socket);
    this.real = connectReal({ query: this.socket.query(), forceNew: true });
    this.#listen();
  }

  vitals() {
    const heard = this.heardAt === null ? null : performance.now() - this.heardAt;
    return { link: this.link, connected: this.ready, heard };
  }

  /** @param {() => void} answered called when the server has answered */
  probe(answered) {
    this.#request("todosync_probe", {}, answered);
  }

  /** Connect again at once where the connection is lost, or turns out to be. */
  checkConnection() {
    if (!this.real.connected) {
      this.#reconnect();
      return;
    }
    clearTimeout(this.probeTimer);
    this.probeTimer = setTimeout(() => this.#reconnect(), PROBE_TIMEOUT_MS);
    this.probe(() => clearTimeout(this.probeTimer));
  }

  /** @returns {string | null} */
  heir() {
    return this.carried.keys().next().value ?? null;
  }

  /** Lose the connection, as by a fault of the network; it is made again. */
  drop() {
    this.real.io.engine?.close();
  }

  close() {
    clearTimeout(this.probeTimer); // it would connect again
    this.ready = false;
    if (this.sweepTimer !== null) clearInterval(this.sweepTimer);
    this.#dropAll();
    this.real.disconnect();
    this.real.offAny();
    this.real.off();
  }

  /** @param {Message} message from a follower */
  receive(message) {
    const known = this.carried.get(message.from);
    if (known) known.heardAt = performance.now();
    if (message.type === "join") this.#join(message);
    else if (message.type === "leave") this.#leave(message);
    else if (message.type === "up") this.#up(message);
    else if (message.type === "post") this.#emit(message);
    else if (message.type === "reply") this.#reply(message);
    else if (message.type === "here") this.#here(message, known !== undefined);
    else this.tab.relay(message, "follower", this.#replyTo(message.from));
  }

  #listen() {
    const { tab, real } = this;
    real.on("connect", () => this.#greet());
    real.on("disconnect", () => this.#onDisconnect());
    real.on("connect_error", (/** @type {Error} */ error) => this.#onConnectError(error));
    real.io.on("reconnect_attempt", () => this.socket.query());
    real.io.on("ping", () => {
      this.#hear();
      tab.election.announce(); // message handlers run in time even where this tab's timers do not
    });
    real.onAny((/** @type {string} */ event, /** @type {any[]} */ ...args) => {
      this.#hear();
      const [data, answer] = args;
      if (event === "todosync_down") this.#down(data, answer);
      else if (!tab.relays.some((relay) => relay.fromServer(event, data))) this.socket.dispatch(event, ...args);
    });
  }

  #reconnect() {
    this.real.disconnect();
    this.socket.query(); // brings next_message_id up to date, as a reconnection by itself does
    this.real.connect();
  }

  #greet() {
    const { tab, real } = this;
    const { clientId, documentId } = this.socket;
    this.#sayHello((answer) => {
      this.link += 1;
      this.ready = true;
      tab.setConnected(true);
      tab.noteKnown();
      this.socket.attach(
        {
          deliver: (frame) => this.#deliver(tab.id, clientId, documentId, frame),
          post: (event, args, answer) => real.emit(event, ...args, ...(answer ? [answer] : [])),
        },
        answer.received,
      );
      tab.election.announce();
      const line = {
        request: this.#request.bind(this),
        post: this.#post.bind(this),
        isOpen: () => this.ready,
      };
      for (const relay of tab.relays) relay.connected(line);
    });
  }

  /** Ask whether the server knows this page. @param {(answer: any) => void} onKnown */
  #sayHello(onKnown) {
    const { clientId, documentId = "" } = this.socket; // none on a plain socket
    const hello = { client_id: clientId, document_id: documentId, alone: this.tab.status.role === "alone" };
    this.#request("todosync_hello", hello, (answer) => (answer.ok ? onKnown(answer) : this.tab.expire("server")));
  }

  /**
   * NiceGUI's page would reload when a connection times out. But nothing is wrong with the page, so it waits for the server.
   * @param {Error} error
   */
  #onConnectError(error) {
    this.tab.setConnected(false);
    if (error.message === REFUSED) this.tab.expire("server");
    else if (error.message === "timeout") this.real.io.opts.transports = ["polling", "websocket"]; // may be blocked
  }

  #onDisconnect() {
    this.ready = false;
    this.#dropAll();
    this.tab.setConnected(false);
    this.socket.detach();
    this.tab.election.announce();
  }

  /** @param {Message} message */
  #join(message) {
    const { from, lock, query } = message;
    if (!this.ready) return;
    this.#request("todosync_join", { ...query, tab: from }, (answer) => {
      this.#post("joined", { to: from, ...answer });
      if (answer.reason === "leader") this.#sayHello(() => {}); // the server may have deleted this tab's own page
      if (!answer.ok) return;
      this.#watch(from, query.client_id, lock);
      this.tab.relay(message, "follower", this.#replyTo(from));
    });
  }

  /** A follower says that it is there: if it is not carried, it is to join again. @param {Message} message @param {boolean} isCarried */
  #here({ from }, isCarried) {
    if (!isCarried && this.ready) this.#post("rejoin", { to: from });
  }

  /** @param {Message} message */
  #leave(message) {
    this.#drop(message.from, message.clientId);
  }

  /** @param {string} tabId @param {string} clientId @param {string} lock that stands for the tab */
  #watch(tabId, clientId, lock) {
    this.carried.get(tabId)?.unwatch();
    const unwatch = awaitTabEnd(lock, () => this.#drop(tabId, clientId));
    this.carried.set(tabId, { clientId, heardAt: performance.now(), unwatch });
  }

  /** A tab has left, or ended: the server is to keep its messages until it comes back. @param {string} tabId @param {string} clientId */
  #drop(tabId, clientId) {
    this.carried.get(tabId)?.unwatch();
    this.carried.delete(tabId);
    for (const [question, { tab }] of this.asked) if (tab === tabId) this.asked.delete(question);
    if (this.ready) this.real.emit("todosync_leave", { client_id: clientId });
    this.tab.relay({ type: "leave", from: tabId, clientId }, "follower", this.#replyTo(tabId));
  }

  #dropAll() {
    for (const { unwatch } of this.carried.values()) unwatch();
    this.carried.clear();
    this.asked.clear();
  }

  #sweep() {
    const limit = performance.now() - FOLLOWER_SILENCE_MS;
    for (const [tabId, { clientId, heardAt }] of this.carried) if (heardAt < limit) this.#drop(tabId, clientId);
  }

  /** A message of the server. @param {any} data @param {(...args: any[]) => void} [answer] where the server waits for one */
  #down({ tab, event, args }, answer) {
    const question = answer && ++this.tab.lastQuestion; // a number that no carrier before has used
    if (question) this.asked.set(question, { tab, answer });
    this.#post("down", { to: tab, event, args, question });
  }

  /** A follower's answer to the server. @param {Message} message */
  #reply({ from, question, args }) {
    const asked = this.asked.get(question);
    if (asked?.tab !== from) return;
    this.asked.delete(question);
    asked.answer(...args);
  }

  /** @param {Message} message */
  #up(message) {
    this.#deliver(message.from, message.clientId, message.documentId, message.frame);
  }

  /** A follower's frame that may be lost. @param {Message} message */
  #emit({ from, event, args, question }) {
    if (!this.ready) return;
    const answer = (/** @type {any[]} */ ...args) => this.#post("answer", { to: from, question, args });
    this.real.emit(event, ...args, ...(question === undefined ? [] : [answer]));
  }

  /** @param {string} tabId @param {string} clientId @param {string} documentId @param {import("./tab_socket.js").Frame} frame */
  #deliver(tabId, clientId, documentId, frame) {
    if (!this.ready) return; // its sender keeps it and repeats it over the next link
    this.#request("todosync_up", { client_id: clientId, document_id: documentId, ...frame }, (answer) => {
      if (!answer.ok) this.#post("rejoin", { to: tabId });
      else if (tabId === this.tab.id) this.socket.acknowledge(answer.received);
      else this.#post("ack", { to: tabId, received: answer.received });
    });
  }

  /** @param {string} event @param {object} data @param {(answer: any) => void} onAnswer */
  #request(event, data, onAnswer) {
    const { real } = this;
    const connection = real.id;
    real.emit(event, data, (/** @type {any} */ answer) => {
      if (real.id !== connection) return; // an answer to a connection that is gone says nothing of this one
      this.#hear();
      onAnswer(answer);
    });
  }

  /** @param {string} type @param {object} content */
  #post(type, content) {
    this.tab.post({ type, term: this.term, ...content });
  }

  /** @param {string} tabId @returns {import("./tab.js").Post} */
  #replyTo(tabId) {
    return (type, content) => this.#post(type, { to: tabId, ...content });
  }

  #hear() {
    this.heardAt = performance.now();
  }
}
