// @ts-check
/** Brings the streams to all tabs: the leader gets them from the server and passes them on to those that follow. */

import { isObject } from "../tabs/messages.js";

/**
 * @typedef {import("./store.js").Store} Store
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
    for (const name of Object.keys(this.store.versions())) this.#subscribe(name);
  }

  /** @param {string} event @param {any} data */
  fromServer(event, data) {
    if (event !== "todosync_data" && event !== "todosync_answer") return false;
    const waiting = event === "todosync_answer" ? this.asking.get(data.stream) : undefined;
    if (waiting) this.asking.delete(data.stream);
    this.#onData(data);
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

  /** @param {Message} message of the leader @param {Post} reply */
  #follow({ payload, to }, reply) {
    const { stream } = payload;
    const result = this.#apply(payload);
    if (to || result === "applied") this.asked.delete(stream);
    if (result !== "gap" || this.asked.has(stream)) return;
    this.asked.add(stream);
    reply("ask", { stream, version: this.store.stream(stream).version });
  }

  /** @param {StreamMessage} message */
  #onData(message) {
    const result = this.#apply(message);
    if (result === "gap") this.#fetch(message.stream);
    else if (result === "applied") this.line?.post("data", { payload: message });
  }

  /** A tab is carried from now on. @param {Message} message @param {Post} reply */
  #join({ streams }, reply) {
    for (const [name, { version, order }] of Object.entries(streams ?? {})) {
      this.store.stream(name, order);
      if (!this.subscribed.has(name)) this.#subscribe(name);
      this.#bring(name, version, reply);
    }
  }

  /** @param {Message} message a follower's question @param {Post} reply */
  #answer({ stream, version }, reply) {
    if (this.store.stream(stream).holds(version)) this.#fetch(stream);
    else this.#bring(stream, version, reply);
  }

  /**
   * Have a follower hold what this tab holds. Of a version that this tab has never held nobody can tell from its number
   * whether it is of another history, or one that this tab has yet to hear of; when the server has answered, this tab has.
   * @param {string} stream @param {Version | null} version @param {Post} reply
   */
  #bring(stream, version, reply) {
    const held = this.store.stream(stream);
    const give = () => this.#give(stream, version, reply);
    if (!this.asking.has(stream) && held.version && (version === null || held.knows(version))) give();
    else {
      this.#fetch(stream);
      this.asking.get(stream)?.push(give);
    }
  }

  /** @param {string} stream @param {Version | null} version @param {Post} reply */
  #give(stream, version, reply) {
    const held = this.store.stream(stream);
    if (held.version === null || held.holds(version)) return;
    reply("data", { payload: { ...held.snapshot(), ...(held.knows(version) ? {} : { replaces: true }) } });
  }

  /** @param {StreamMessage} message */
  #apply(message) {
    const { version: before } = this.store.stream(message.stream).view;
    const result = this.store.apply(message);
    if (result === "applied") {
      this.log.add("broadcast", `${message.stream}: version ${before} → ${message.version[0]}${summary(message)}`);
    }
    return result;
  }

  /** @param {string} name */
  #subscribe(name) {
    this.subscribed.add(name);
    this.#fetch(name);
  }

  /**
   * Ask the server, once until it answers: whatever comes before the answer is part of it, and what comes after it
   * continues it. @param {string} name
   */
  #fetch(name) {
    if (!this.line || this.asking.has(name)) return;
    this.asking.set(name, []);
    this.line.request("todosync_fetch", { stream: name, version: this.store.stream(name).version }, ({ ok }) => {
      if (!ok) this.asking.delete(name);
    });
  }
}

/** Whether a message of another tab has the shape of one of these. @param {Message} message @returns {boolean} */
function isWellFormed({ type, streams, stream, version, payload }) {
  if (type === "join") return streams === undefined || (isObject(streams) && Object.values(streams).every(isHeld));
  if (type === "ask") return typeof stream === "string" && isHeldVersion(version);
  return type === "data" && isObject(payload) && isStreamMessage(payload);
}

/** @param {any} held */
function isHeld(held) {
  return isObject(held) && isHeldVersion(held.version) && typeof held.order === "string";
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
function isStreamMessage({ stream, version, base, put = [], del = [], ...rest }) {
  if (typeof stream !== "string" || !isVersion(version)) return false;
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
