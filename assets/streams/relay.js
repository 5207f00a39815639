// @ts-check
/** Brings the streams to all tabs: the leader gets them from the server and passes them on to those that follow. */

import { isObject } from "../tabs/messages.js";
import { keyOf } from "./store.js";

/**
 * @typedef {import("./store.js").Store} Store
 * @typedef {import("./store.js").StreamState} StreamState
 * @typedef {import("./store.js").Scope} Scope
 * @typedef {import("../tabs/log.js").EventLog} EventLog
 * @typedef {import("../tabs/tab.js").Line} Line
 * @typedef {import("../tabs/tab.js").Post} Post
 * @typedef {import("../tabs/election.js").Message} Message
 * @typedef {import("./store.js").StreamMessage} StreamMessage
 * @typedef {import("./store.js").Version} Version
 */

export class StreamRelay {
  /** @param {{ store: Store, log: EventLog }} parts */
  constructor({ store, log }) {
    this.store = store;
    this.log = log;
    /** @type {Line | null} of the latest connection that this tab had itself */
    this.line = null;
    /** @type {Set<string>} by that connection */
    this.subscribed = new Set();
    /** @type {Map<string, (() => void)[]>} what waits for the server's answer, by the stream that it is asked about */
    this.asking = new Map();
    /** @type {Set<string>} the streams that the leader is asked about */
    this.asked = new Set();
  }

  versions() {
    this.asked.clear(); // by another connection, or of another leader
    return { streams: this.store.versions() };
  }

  /** @param {Line} line */
  connected(line) {
    this.line = line;
    this.subscribed.clear();
    this.asking.clear();
    for (const state of [...this.store.streams.values()]) this.#subscribe(state);
  }

  /** @param {string} event @param {any} data */
  fromServer(event, data) {
    if (event !== "todosync_data" && event !== "todosync_answer") return false;
    const name = keyOf(data.stream, data.scope);
    const waiting = event === "todosync_answer" || data.refused ? this.asking.get(name) : undefined;
    if (waiting) this.asking.delete(name);
    if (data.ended) this.#askAnew(data);
    else if (data.refused) this.#refuse(data);
    else this.#onData(data);
    for (const run of waiting ?? []) run();
    return true;
  }

  /** @param {Message} message @param {"leader" | "follower"} sender @param {Post} reply */
  fromTab(message, sender, reply) {
    if (!isWellFormed(message)) return;
    if (sender === "leader") {
      if (message.type === "data") this.#follow(message, reply);
    } else if (message.type === "join") this.#join(message, reply);
    else if (message.type === "ask") this.#answer(message, reply);
  }

  /**
   * Ask for what was refused before, or for what this page shows only now. @param {string} stream @param {Scope} scope
   * @param {import("../tabs/tab.js").Tab} tab
   */
  ask(stream, scope, tab) {
    const state = this.store.stream(stream, undefined, scope);
    const { leader } = tab.election;
    if (tab.carrier) this.#subscribe(state);
    else if (leader)
      tab.post({ type: "ask", to: leader.id, ...state.head, order: state.order, version: state.version });
  }

  /** @param {Message} message of the leader @param {Post} reply */
  #follow({ payload, to }, reply) {
    const name = keyOf(payload.stream, payload.scope);
    if (payload.refused) {
      this.#tell(payload);
      this.asked.delete(name);
      return;
    }
    const result = this.#apply(payload);
    if (to || result === "applied") this.asked.delete(name);
    if (result !== "gap" || this.asked.has(name)) return;
    this.asked.add(name);
    const state = this.store.of(payload);
    reply("ask", { ...state.head, version: state.version });
  }

  /** The server has ended a subscription, but a page of this browser may still show the rows: subscribe anew. @param {StreamMessage} message */
  #askAnew(message) {
    const name = keyOf(message.stream, message.scope);
    const waiting = this.asking.get(name) ?? [];
    this.asking.delete(name);
    this.#subscribe(this.store.of(message));
    this.asking.get(name)?.push(...waiting);
  }

  /** This person may not read the rows any more, so the server has ended the subscription. @param {StreamMessage} message */
  #refuse(message) {
    this.subscribed.delete(keyOf(message.stream, message.scope));
    this.#tell(message);
    this.line?.post("data", { payload: message });
  }

  /** @param {StreamMessage} message */
  #tell({ stream, scope, refused = "" }) {
    this.store.stream(stream, undefined, scope).refuse(refused);
    this.log.add("broadcast", `${keyOf(stream, scope)}: ${refused}`);
  }

  /** @param {StreamMessage} message */
  #onData(message) {
    const result = this.#apply(message);
    if (result === "gap") this.#fetch(this.store.of(message));
    else if (result === "applied") this.line?.post("data", { payload: message });
  }

  /** A tab is carried from now on. @param {Message} message @param {Post} reply */
  #join({ streams }, reply) {
    for (const [name, { version, order, stream = name, scope }] of Object.entries(streams ?? {})) {
      const state = this.store.stream(stream, order, scope);
      if (!this.subscribed.has(name)) this.#subscribe(state);
      this.#bring(state, version, reply);
    }
  }

  /** @param {Message} message a follower's question @param {Post} reply */
  #answer({ stream, order, scope, version }, reply) {
    const state = this.store.stream(stream, order, scope);
    if (!this.subscribed.has(keyOf(stream, scope))) this.#subscribe(state);
    if (state.holds(version)) this.#fetch(state);
    else this.#bring(state, version, reply);
  }

  /**
   * Have a follower hold what this tab holds. A version that this tab has never held may belong to another history, or this
   * tab may have yet to hear of it. Its number does not tell. So the server is asked first, and then the follower is answered.
   * @param {StreamState} held @param {Version | null} version @param {Post} reply
   */
  #bring(held, version, reply) {
    const name = keyOf(held.name, held.scope);
    const give = () => this.#give(held, version, reply);
    if (!this.asking.has(name) && held.version && (version === null || held.knows(version))) give();
    else {
      this.#fetch(held);
      this.asking.get(name)?.push(give);
    }
  }

  /** @param {StreamState} held @param {Version | null} version @param {Post} reply */
  #give(held, version, reply) {
    if (held.version === null || held.holds(version)) return;
    reply("data", { payload: { ...held.snapshot(), ...(held.knows(version) ? {} : { replaces: true }) } });
  }

  /** @param {StreamMessage} message */
  #apply(message) {
    const { version: before } = this.store.of(message).view;
    const result = this.store.apply(message);
    if (result === "applied") {
      this.log.add(
        "broadcast",
        `${keyOf(message.stream, message.scope)}: version ${before} → ${message.version[0]}${summary(message)}`,
      );
    }
    return result;
  }

  /** @param {StreamState} state */
  #subscribe(state) {
    this.subscribed.add(keyOf(state.name, state.scope));
    this.#fetch(state);
  }

  /**
   * Ask the server, and not again until it has answered: the answer includes all that comes before it, and what comes
   * after it continues it. @param {StreamState} state
   */
  #fetch(state) {
    const name = keyOf(state.name, state.scope);
    if (!this.line || this.asking.has(name)) return;
    this.asking.set(name, []);
    this.line.request("todosync_fetch", { ...state.head, version: state.version }, ({ ok }) => {
      if (!ok) this.#giveUp(name);
    });
  }

  /** The server has no page that shows this: the pages of this browser that did are gone, or soon will be. @param {string} name */
  #giveUp(name) {
    this.asking.delete(name);
    const state = this.store.streams.get(name);
    if (state?.scope === undefined) return;
    this.subscribed.delete(name);
    if (!state.isShown) this.store.streams.delete(name);
  }
}

/** Whether a message of another tab has the shape of one of these. @param {Message} message @returns {boolean} */
function isWellFormed({ type, streams, stream, order, scope, version, payload }) {
  if (type === "join") return streams === undefined || (isObject(streams) && Object.values(streams).every(isHeld));
  if (type === "ask") {
    const isNamed = typeof stream === "string" && (order === undefined || typeof order === "string");
    return isNamed && isScope(scope) && isHeldVersion(version);
  }
  return type === "data" && isObject(payload) && isStreamMessage(payload);
}

/** @param {any} held */
function isHeld(held) {
  if (!isObject(held) || !isHeldVersion(held.version) || typeof held.order !== "string") return false;
  return isScope(held.scope) && (held.stream === undefined || typeof held.stream === "string");
}

/** @param {any} scope undefined for none */
function isScope(scope) {
  return scope === undefined || typeof scope === "string" || Number.isSafeInteger(scope);
}

/** @param {any} version null for none */
function isHeldVersion(version) {
  return version === null || isVersion(version);
}

/** @param {any} version */
function isVersion(version) {
  if (!Array.isArray(version) || version.length !== 2) return false;
  return Number.isSafeInteger(version[0]) && typeof version[1] === "string";
}

/** @param {StreamMessage} message */
function isStreamMessage({ stream, scope, version, base, put = [], del = [], ...rest }) {
  if (typeof stream !== "string" || !isScope(scope)) return false;
  if (rest.refused !== undefined) return typeof rest.refused === "string";
  if (!isVersion(version)) return false;
  if (base === undefined) return areRows(rest[stream]);
  return isVersion(base) && areRows(put) && Array.isArray(del);
}

/** @param {any} rows */
function areRows(rows) {
  return Array.isArray(rows) && rows.every((row) => isObject(row) && row.id !== undefined);
}

/** @param {StreamMessage} message */
function summary(message) {
  if (message.base === undefined) return `, all ${message[message.stream].length}`;
  return `, ${message.put?.length} put, ${message.del?.length} deleted`;
}
