// @ts-check
/** The browser's copy of the streams, reactive, so that elements whose props read it render by themselves. */

import { computed, shallowReactive, shallowRef, triggerRef } from "vue";

/**
 * @typedef {[number, string]} Version a number, which rises, and a mark, which tells histories apart
 * @typedef {{ id: number } & Record<string, any>} Item
 * @typedef {{ stream: string, version: Version, base?: Version, put?: Item[], del?: number[], totals?: object,
 *   partial?: boolean, replaces?: boolean } & Record<string, any>} StreamMessage
 */

export const REMEMBERED = 64; // versions that it held are known again, the last ones

/** @type {Version} */
const NOTHING = [-1, ""];

export class StreamState {
  /** @param {string} name @param {string} order the field that orders the list, after "-" from the highest value down */
  constructor(name, order) {
    this.name = name;
    this.order = order;
    this.isDescending = order.startsWith("-");
    this.field = order.replace("-", "");
    /** @type {Map<number, Item>} */
    this.byId = new Map();
    /** @type {import("vue").ShallowRef<Item[]>} */
    const rows = shallowRef([]);
    const items = computed(() => rows.value.slice());
    this.rows = rows;
    /** @type {Version | null} a delta continues this one only */
    this.version = null;
    this.shown = -1; // the number of the version that is on the screen, be it only a part of it
    /** @type {string[]} what it holds, and what came before in the same history */
    this.known = [];
    this.view = shallowReactive({
      version: -1,
      /** @type {Record<string, any>} */
      totals: {},
      /** The list itself, in its order, which changes in place: to copy a long one takes longer than a change. */
      get rows() {
        return rows.value;
      },
      /** A copy for each version that is asked for, for those who keep it, or compare it to tell that it has changed. */
      get items() {
        return items.value;
      },
    });
  }

  /** @param {Version | null} version */
  holds(version) {
    return this.version !== null && version !== null && key(version) === key(this.version);
  }

  /** Whether it holds a version, or has held it on the way to the one that it holds. @param {Version | null} version */
  knows(version) {
    return version !== null && this.known.includes(key(version));
  }

  /**
   * Take over a message: a snapshot that is newer or replaces everything, a delta of exactly what is held. What is known
   * is old; of the rest nobody can tell from numbers whether it is, so it is a gap, to be asked about.
   * A partial snapshot is shown, but it is no version that a delta can start from.
   * @param {StreamMessage} message @returns {'applied' | 'old' | 'gap'}
   */
  apply(message) {
    if (this.holds(message.version) || (!message.replaces && this.#isOld(message))) return "old";
    if (message.base ? !this.holds(message.base) : !message.replaces && this.#isLower(message)) return "gap";
    if (message.base) this.#change(message);
    else this.#reset(message);
    if (message.totals) this.view.totals = message.totals;
    this.#move(message);
    return "applied";
  }

  /** @returns {StreamMessage} */
  snapshot() {
    const { items, totals } = this.view;
    return { stream: this.name, version: this.version ?? NOTHING, [this.name]: items, totals };
  }

  /** @param {StreamMessage} message */
  #isOld({ version }) {
    return this.knows(version) || (this.version === null && version[0] < this.shown);
  }

  /** @param {StreamMessage} message */
  #isLower({ version: [number] }) {
    return this.version !== null && number <= this.version[0];
  }

  /** @param {StreamMessage} message */
  #move({ version, partial }) {
    [this.shown] = version;
    this.version = partial ? null : version;
    this.view.version = partial ? -1 : version[0];
    if (!partial) this.known = [...this.known.slice(1 - REMEMBERED), key(version)];
  }

  /** @param {StreamMessage} message */
  #reset(message) {
    if (message.replaces) this.known = [];
    const items = message[this.name];
    this.byId = new Map(items.map((/** @type {Item} */ item) => [item.id, item]));
    this.rows.value = items;
  }

  /** @param {StreamMessage} message */
  #change(message) {
    const rows = this.rows.value;
    for (const id of message.del ?? []) this.#remove(rows, id);
    for (const item of message.put ?? []) this.#put(rows, item);
    triggerRef(this.rows);
  }

  /** @param {Item[]} rows @param {Item} item */
  #put(rows, item) {
    const old = this.byId.get(item.id);
    if (old && old[this.field] === item[this.field]) {
      rows[this.#position(rows, old)] = item;
    } else {
      if (old) this.#remove(rows, item.id);
      rows.splice(this.#position(rows, item), 0, item);
    }
    this.byId.set(item.id, item);
  }

  /** @param {Item[]} rows @param {number} id */
  #remove(rows, id) {
    const old = this.byId.get(id);
    if (!old) return;
    rows.splice(this.#position(rows, old), 1);
    this.byId.delete(id);
  }

  /** Where an item stands, or would. @param {Item[]} rows @param {Item} item */
  #position(rows, item) {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#precedes(rows[middle], item)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {Item} a @param {Item} b */
  #precedes(a, b) {
    const [lower, higher] = this.isDescending ? [b, a] : [a, b];
    if (lower[this.field] === higher[this.field]) return lower.id < higher.id;
    return isLess(lower[this.field], higher[this.field]);
  }
}

/**
 * Whether a value comes before another. Texts are ordered by code points, as in Python and in the databases: JavaScript
 * itself takes the characters beyond U+FFFF for lower than some others, since it compares halves of them.
 * @param {any} a @param {any} b
 */
function isLess(a, b) {
  if (typeof a !== "string" || typeof b !== "string") return a < b;
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at >= a.length || at >= b.length) return a.length < b.length;
  return inOrder(a.charCodeAt(at)) < inOrder(b.charCodeAt(at));
}

/** A number for half a character or a whole one, in the order of code points. @param {number} unit */
function inOrder(unit) {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

export class Store {
  constructor() {
    /** @type {Map<string, StreamState>} */
    this.streams = new Map();
  }

  /** @param {string} name @param {string} [order] */
  stream(name, order = "-id") {
    let state = this.streams.get(name);
    if (!state) this.streams.set(name, (state = new StreamState(name, order)));
    return state;
  }

  /** @param {StreamMessage} message */
  apply(message) {
    return this.stream(message.stream).apply(message);
  }

  /** What this tab holds, as it tells others. @returns {Record<string, { version: Version | null, order: string }>} */
  versions() {
    return Object.fromEntries([...this.streams].map(([name, { version, order }]) => [name, { version, order }]));
  }
}

/** @param {Version} version */
function key([number, mark]) {
  return `${number}-${mark}`;
}
