// @ts-check
/**
 * The browser's copy of the streams, reactive, so that elements whose props read it render by themselves. It keeps the
 * server's rows and, apart from them, what this browser has written and the server has yet to show: a row that is shown
 * is the server's with those writes upon it.
 *
 * This module is long because the rows, their order, their versions and what is pending change together.
 */

import { computed, shallowReactive, shallowRef, triggerRef } from "vue";
import { isLess, numericOrder } from "./order.js";
import { totalsAfter } from "./totals.js";

/**
 * @typedef {[number, string]} Version a number, which rises, and a mark, which tells histories apart
 * @typedef {number | string} RowId a whole number, or a UUID
 * @typedef {{ id: RowId } & Record<string, any>} Item
 * @typedef {{ stream: string, version: Version, base?: Version, put?: Item[], del?: RowId[], totals?: object,
 *   partial?: boolean, replaces?: boolean, scope?: Scope, refused?: string } & Record<string, any>} StreamMessage
 * @typedef {string | number | undefined} Scope of a stream with scopes the value whose rows these are
 * @typedef {{ action: string, id: RowId, values: Record<string, any>, places: Map<StreamState, Version | null> }} PendingWrite
 *   what is shown before the server shows it; `places` is where, each with what the server answered: the version that
 *   holds it there
 */

export const REMEMBERED = 64; // versions that it held are known again, the last ones

/** @type {Version} */
const NOTHING = [-1, ""];

export class StreamState {
  /**
   * @param {string} name
   * @param {string} [order] the field that orders the list, after "-" from the highest value down, and the word "decimal"
   *   after it where its values are decimals; it may be told later
   * @param {Scope} [scope]
   */
  constructor(name, order, scope) {
    this.name = name;
    this.scope = scope;
    this.scopeField = ""; // told by the page that shows it, as what it shows is
    this.isShown = false;
    this.isOrdered = order !== undefined;
    this.order = order ?? "-id";
    /** @type {Map<RowId, Item>} the server's rows */
    this.byId = new Map();
    /** @type {Map<RowId, PendingWrite[]>} in their order */
    this.pending = new Map();
    /** @type {Map<RowId, Item>} rows that a pending write brings here from another scope, as they were there */
    this.coming = new Map();
    /** @type {Map<RowId, Item | undefined>} what is shown of the rows with pending writes, nothing of a deleted one */
    this.overlaid = new Map();
    /** @type {import("vue").ShallowRef<Item[]>} */
    const rows = shallowRef([]);
    const items = computed(() => rows.value.slice());
    /** @type {import("vue").ShallowRef<Record<string, any>>} what the server has counted */
    const counted = shallowRef({});
    const totals = computed(() => (rows.value, this.#totals(counted.value))); // the list changes in place
    this.rows = rows;
    this.counted = counted;
    /** @type {import("./totals.js").Declared | null} how the totals are made, where this page may write */
    this.declared = null;
    /** @type {Version | null} a delta continues this one only */
    this.version = null;
    this.shown = -1; // the number of the version on the screen, of which perhaps only a part is shown
    /** @type {string[]} what it holds, and what came before in the same history */
    this.known = [];
    this.view = shallowReactive({
      version: -1,
      get totals() {
        return totals.value;
      },
      refused: "", // why there are no rows, where this person may not read them
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

  get isDescending() {
    return this.order.startsWith("-");
  }

  get field() {
    return this.order.replace("-", "").split(" ")[0];
  }

  /** What stands for a value of the field in the order. @param {any} value */
  #rank(value) {
    return this.order.endsWith(" decimal") ? numericOrder(value) : value;
  }

  /** Note the order, if it has not been told before; elements may have asked for the rows first. @param {string} order */
  orderBy(order) {
    if (this.isOrdered) return;
    Object.assign(this, { isOrdered: true, order });
    this.rows.value = this.rows.value.slice().sort((a, b) => (this.#precedes(a, b) ? -1 : 1));
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
   * Take over a message: a snapshot that is newer or replaces everything, a delta of exactly what is held. A message of
   * a version that is known is old. Of any other its number does not tell whether it is old, so it is a gap, and the
   * server is asked.
   * A partial snapshot is shown, but it is no version that a delta can start from.
   * @param {StreamMessage} message @returns {'applied' | 'old' | 'gap'}
   */
  apply(message) {
    if (this.holds(message.version) || (!message.replaces && this.#isOld(message))) return "old";
    if (message.base ? !this.holds(message.base) : !message.replaces && this.#isLower(message)) return "gap";
    if (message.base) this.#change(message);
    else this.#reset(message);
    if (message.totals) this.counted.value = message.totals;
    this.view.refused = "";
    this.#move(message);
    this.#settleWhatHasCome(message);
    return "applied";
  }

  /** Show none of the rows any more, and keep none. @param {string} reason a sentence for the person */
  refuse(reason) {
    for (const write of [...this.pending.values()].flat()) write.places.delete(this);
    this.pending.clear();
    this.coming.clear();
    this.overlaid.clear();
    this.byId = new Map();
    this.rows.value = [];
    this.version = null;
    this.shown = -1;
    this.known = [];
    this.counted.value = {};
    Object.assign(this.view, { version: -1, refused: reason });
  }

  /** Which rows these are, as messages say it. */
  get head() {
    return this.scope === undefined ? { stream: this.name } : { stream: this.name, scope: this.scope };
  }

  /** What the server has sent, without what is pending here. @returns {StreamMessage} */
  snapshot() {
    const items = this.overlaid.size ? this.view.items.slice() : this.view.items;
    for (const [id, shown] of this.overlaid) this.#replace(items, shown, this.byId.get(id));
    return { ...this.head, version: this.version ?? NOTHING, [this.name]: items, totals: this.counted.value };
  }

  /** @param {RowId} id @returns {Item | undefined} the row as it is shown */
  row(id) {
    return this.overlaid.has(id) ? this.overlaid.get(id) : this.byId.get(id);
  }

  /** Show a write at once. @param {PendingWrite} write */
  show(write) {
    write.places.set(this, null);
    this.pending.set(write.id, [...(this.pending.get(write.id) ?? []), write]);
    this.#refold(write.id);
  }

  /** A write that is about to be shown moves a row here. @param {RowId} id @param {StreamState} from where it is now */
  expect(id, from) {
    let row = this.byId.get(id) ?? from.byId.get(id) ?? from.coming.get(id);
    if (!row) return;
    for (const write of from.pending.get(id) ?? []) {
      if (write.places.get(from)) row = written(row, write) ?? row;
      else if (!write.places.has(this)) this.show(write);
    }
    this.coming.set(id, row);
  }

  /** Show a write no more: the server's rows have it, or never will. @param {PendingWrite} write @param {boolean} isDone */
  settle(write, isDone) {
    const { id } = write;
    const coming = this.coming.get(id);
    if (coming && isDone) this.coming.set(id, written(coming, write) ?? coming);
    write.places.delete(this);
    const left = this.pending.get(id)?.filter((other) => other !== write) ?? [];
    if (left.length) this.pending.set(id, left);
    else {
      this.pending.delete(id);
      this.coming.delete(id);
    }
    this.#refold(id);
  }

  /**
   * The server has done a write; it is settled once its version is held. @param {PendingWrite} write
   * @param {Version | undefined} version the one that holds it here; undefined where it has changed nothing here
   */
  settleLater(write, version) {
    if (version) write.places.set(this, version);
    if (!version || this.#hasCome(write)) this.settle(write, true);
  }

  /** @param {PendingWrite} write @returns {boolean} whether its version is held */
  #hasCome({ places }) {
    const version = places.get(this);
    return Boolean(version && this.version && version[0] <= this.version[0]);
  }

  /** @param {Record<string, any>} counted @returns {Record<string, any>} the totals of what is shown */
  #totals(counted) {
    if (!this.declared || !this.overlaid.size) return counted;
    const changes = [...this.overlaid].map(([id, shown]) => /** @type {const} */ ([this.byId.get(id), shown]));
    return totalsAfter(counted, this.declared, changes);
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
    this.overlaid.clear();
    this.rows.value = this.pending.size ? items.slice() : items; // the message may be passed on
    for (const id of this.pending.keys()) this.#refold(id);
  }

  /** @param {StreamMessage} message */
  #change(message) {
    for (const id of message.del ?? []) this.#take(id, undefined);
    for (const item of message.put ?? []) this.#take(item.id, item);
    triggerRef(this.rows);
  }

  /** Take over a row of the server. @param {RowId} id @param {Item | undefined} item */
  #take(id, item) {
    const before = this.row(id);
    if (item) this.byId.set(id, item);
    else this.byId.delete(id);
    this.#replace(this.rows.value, before, this.#fold(id));
  }

  /** The pending writes of a row have changed. @param {RowId} id */
  #refold(id) {
    this.#replace(this.rows.value, this.row(id), this.#fold(id));
    triggerRef(this.rows);
  }

  /** @param {RowId} id @returns {Item | undefined} the server's row with the pending writes upon it, if they leave it here */
  #fold(id) {
    const writes = this.pending.get(id);
    const row = this.byId.get(id);
    if (!writes) {
      this.overlaid.delete(id);
      return row;
    }
    const isComing = this.coming.has(id) && writes.some((write) => this.#isHere(write.values));
    const after = writes.reduce(written, row ?? (isComing ? this.coming.get(id) : undefined));
    const shown = after && this.scopeField && !this.#isHere(after) ? undefined : after;
    this.overlaid.set(id, shown);
    return shown;
  }

  /** Whether values have this scope. @param {Record<string, any>} values */
  #isHere(values) {
    return values[this.scopeField] === this.scope;
  }

  /** @param {StreamMessage} message */
  #settleWhatHasCome({ replaces }) {
    if (!this.version) return;
    const come = [...this.pending.values()]
      .flat()
      .filter((write) => write.places.get(this) && (replaces || this.#hasCome(write)));
    for (const write of come) this.settle(write, true);
  }

  /** @param {Item[]} rows @param {Item | undefined} before @param {Item | undefined} after */
  #replace(rows, before, after) {
    if (before === after) return;
    if (before && after && before[this.field] === after[this.field]) {
      rows[this.#position(rows, before)] = after;
      return;
    }
    if (before) rows.splice(this.#position(rows, before), 1);
    if (after) rows.splice(this.#position(rows, after), 0, after);
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
    const [one, other] = [this.#rank(lower[this.field]), this.#rank(higher[this.field])];
    return isLess(one, other) || (!isLess(other, one) && lower.id < higher.id);
  }
}

/** @param {Item | undefined} row @param {PendingWrite} write @returns {Item | undefined} the row after the write */
function written(row, { action, id, values }) {
  if (action === "delete") return undefined;
  if (action === "insert" || action === "restore") return row ?? { ...values, id };
  return row && { ...row, ...values };
}

export class Store {
  constructor() {
    /** @type {Map<string, StreamState>} by name and scope, see `keyOf` */
    this.streams = new Map();
  }

  /** @param {string} name @param {string} [order] as the server tells it @param {Scope} [scope] */
  stream(name, order, scope) {
    const whole = keyOf(name, scope);
    let state = this.streams.get(whole);
    if (!state) this.streams.set(whole, (state = new StreamState(name, order, scope)));
    else if (order !== undefined) state.orderBy(order);
    return state;
  }

  /** What a message is about. @param {{ stream: string, scope?: Scope }} message */
  of({ stream, scope }) {
    return this.stream(stream, undefined, scope);
  }

  /**
   * Where a row of a stream is shown, or would be, in whichever scope. @param {string} name @param {RowId} id
   * @param {Record<string, any>} [values] of a new row @returns {StreamState | undefined}
   */
  find(name, id, values = {}) {
    const states = [...this.streams.values()].filter((state) => state.name === name);
    const shows = states.find((state) => state.scope === undefined || state.row(id));
    const has = shows ?? states.find((state) => state.byId.has(id));
    return has ?? states.find(({ scope, scopeField }) => scope === values[scopeField]);
  }

  /**
   * Show a write at once: where its row is, and if it moves the row to another scope, there, too. It is shown nowhere on a
   * page without the row. @param {string} name of the stream
   * @param {{ action: string, id: RowId, values: Record<string, any> }} write @returns {PendingWrite}
   */
  show(name, { action, id, values }) {
    /** @type {PendingWrite} */
    const write = { action, id, values, places: new Map() };
    const home = this.find(name, id, values);
    if (!home) return write;
    const goal = home.scopeField in values ? this.streams.get(keyOf(name, values[home.scopeField])) : undefined;
    if (goal && goal !== home && goal.scopeField && !goal.view.refused) goal.expect(id, home);
    const others = [...this.streams.values()].filter((state) => state.name === name && state.pending.has(id));
    for (const state of new Set([home, ...others, ...(goal?.coming.has(id) ? [goal] : [])])) state.show(write);
    return write;
  }

  /** Show a write nowhere any more: it never was done, or nobody knows. @param {PendingWrite} write */
  settle(write) {
    for (const state of [...write.places.keys()]) state.settle(write, false);
  }

  /**
   * The server has done a write: show it until the server's rows do. @param {PendingWrite} write
   * @param {Version | undefined} version that holds it @param {[Scope, Version][]} [versions] by the scopes that it has changed
   */
  settleLater(write, version, versions) {
    for (const state of [...write.places.keys()]) {
      state.settleLater(write, versions ? versions.find(([scope]) => scope === state.scope)?.[1] : version);
    }
  }

  /** @param {StreamMessage} message */
  apply(message) {
    return this.of(message).apply(message);
  }

  /**
   * What this tab holds, as it tells others. @returns {Record<string, { version: Version | null, order: string,
   * stream?: string, scope?: Scope }>} with `stream` and `scope` where the name alone does not tell
   */
  versions() {
    return Object.fromEntries(
      [...this.streams].map(([whole, { version, order, scope, head }]) => [
        whole,
        { version, order, ...(scope === undefined ? {} : head) },
      ]),
    );
  }
}

/** The name of a scope of a stream, the same as in Python. @param {string} stream @param {Scope} scope */
export function keyOf(stream, scope) {
  return scope === undefined ? stream : `${stream}[${JSON.stringify(scope)}]`;
}

/** @param {Version} version */
function key([number, mark]) {
  return `${number}-${mark}`;
}
