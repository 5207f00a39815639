// @ts-check
/** The browser's copy of the streams, reactive, so that elements whose props read it render by themselves. */

import { computed, shallowReactive, shallowRef, triggerRef } from "vue";

/**
 * @typedef {{ id: number } & Record<string, any>} Item
 * @typedef {{ stream: string, version: number, base?: number, put?: Item[], del?: number[], totals?: object,
 *   partial?: boolean } & Record<string, any>} StreamMessage
 */

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
    this.shown = -1; // the version that is on the screen, be it only a part of it
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

  get version() {
    return this.view.version;
  }

  /**
   * Take over a message, unless it is older than what is held, or starts from a version that is not reached yet.
   * A partial snapshot is shown, but it is no version that a delta can start from.
   * @param {StreamMessage} message @returns {'applied' | 'old' | 'gap'}
   */
  apply(message) {
    if (message.version <= this.version || message.version < this.shown) return "old";
    if (message.base === undefined) this.#reset(message);
    else if (message.base > this.version) return "gap";
    else this.#change(message);
    if (message.totals) this.view.totals = message.totals;
    this.shown = message.version;
    this.view.version = message.partial ? -1 : message.version;
    return "applied";
  }

  /** @returns {StreamMessage} */
  snapshot() {
    const { version, items, totals } = this.view;
    return { stream: this.name, version, [this.name]: items, totals };
  }

  /** @param {StreamMessage} message */
  #reset(message) {
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

  /** What this tab holds, as it tells others. @returns {Record<string, { version: number, order: string }>} */
  versions() {
    return Object.fromEntries([...this.streams].map(([name, { version, order }]) => [name, { version, order }]));
  }
}
