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
  }

  versions() {
    return { streams: this.store.versions() };
  }

  /** @param {Line} line */
  connected(line) {
    this.line = line;
    this.subscribed.clear();
    for (const name of Object.keys(this.store.versions())) this.#subscribe(name);
  }

  /** @param {string} event @param {any} data */
  fromServer(event, data) {
    if (event !== "todosync_data") return false;
    this.#onData(data);
    return true;
  }

  /** @param {Message} message @param {"leader" | "follower"} sender @param {Post} reply */
  fromTab(message, sender, reply) {
    if (!isWellFormed(message)) return;
    if (sender === "leader") {
      if (message.type === "data") this.#follow(message.payload, reply);
    } else if (message.type === "join") this.#join(message, reply);
    else if (message.type === "ask") this.#answer(message, reply);
  }

  /** @param {StreamMessage} message of the leader @param {Post} reply */
  #follow(message, reply) {
    if (this.#apply(message) !== "gap") return;
    const { stream } = message;
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
      const held = this.store.stream(name, order);
      if (!this.subscribed.has(name)) this.#subscribe(name);
      else if (held.version > version) reply("data", { payload: held.snapshot() });
    }
  }

  /** @param {Message} message a follower's question @param {Post} reply */
  #answer({ stream, version }, reply) {
    const held = this.store.stream(stream);
    if (held.version > version) reply("data", { payload: held.snapshot() });
    else this.#fetch(stream);
  }

  /** @param {StreamMessage} message */
  #apply(message) {
    const { version: before } = this.store.stream(message.stream);
    const result = this.store.apply(message);
    if (result === "applied") {
      this.log.add("broadcast", `${message.stream}: version ${before} → ${message.version}${summary(message)}`);
    }
    return result;
  }

  /** @param {string} name */
  #subscribe(name) {
    this.subscribed.add(name);
    this.#fetch(name);
  }

  /** @param {string} name */
  #fetch(name) {
    const { version } = this.store.stream(name);
    const question = { stream: name, version: version < 0 ? null : version };
    this.line?.request("todosync_fetch", question, () => {}); // what is missing comes as todosync_data
  }
}

/** Whether a message of another tab has the shape of one of these. @param {Message} message @returns {boolean} */
function isWellFormed({ type, streams, stream, version, payload }) {
  if (type === "join") return streams === undefined || (isObject(streams) && Object.values(streams).every(isHeld));
  if (type === "ask") return typeof stream === "string" && Number.isSafeInteger(version);
  return type === "data" && isObject(payload) && isStreamMessage(payload);
}

/** @param {any} held */
function isHeld(held) {
  return isObject(held) && Number.isSafeInteger(held.version) && typeof held.order === "string";
}

/** @param {StreamMessage} message */
function isStreamMessage({ stream, version, base, put = [], del = [], ...rest }) {
  if (typeof stream !== "string" || !Number.isSafeInteger(version)) return false;
  if (base === undefined) return areRows(rest[stream]);
  return Number.isSafeInteger(base) && areRows(put) && Array.isArray(del);
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
