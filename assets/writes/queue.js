// @ts-check
/**
 * A person's writes in this browser, on their way to the server. They are kept in IndexedDB, so that they outlive the tab,
 * the page and the browser, in a database that is named after the person: another one's tabs never open it. The browser
 * itself brings the tabs' transactions into an order, and the keys that it gives are that order.
 */

import { corrected } from "./entries.js";
import { makeId } from "../tabs/random_id.js";
import { rebased, withDependents } from "./entries.js";

const SCHEMA = 1; // of the database
const NOBODY = "anonymous";
const PLACE = 0; // keys of the store `places`, the first of builds that knew no others
const SENT = "sent";
const REFUSED = "refused";

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./entries.js").Move} Move
 * @typedef {import("./entries.js").Outcome} Outcome
 * @typedef {import("./entries.js").RowId} RowId
 * @typedef {{ id: string, confirmed: number }} Place the queue at the server, and up to where its outcomes have arrived
 * @typedef {{ entry: Entry, outcome: Outcome }} Refusal a write that was refused, until the person has read of it
 */

/** The name of a person's database. @param {string} person as the page was told; empty for nobody */
export function databaseOf(person) {
  return `todosync-writes-${person || NOBODY}`;
}

export class Queue {
  /** @param {string} name of the database */
  constructor(name) {
    this.name = name;
    /** @type {IDBDatabase | null} */
    this.database = null;
    /** @type {{ transaction: IDBTransaction, done: Promise<void> } | null} keeps the writes of this moment */
    this.adding = null;
    this.opening = this.#open();
  }

  /** Whether writes can be kept. A browser may forbid it, or have no room. */
  get isOpen() {
    return this.database !== null;
  }

  /**
   * Keep a write. It is on its way to the disk when what a person does is handled, so even a tab that is closed at once
   * loses nothing. The writes of one moment are kept by one transaction.
   * @param {Omit<Entry, "sequence">} entry @returns {Promise<number>} its place in the order
   */
  async add(entry) {
    const { transaction, done } = (this.adding ??= this.#beginAdding());
    const request = transaction.objectStore("entries").add(entry);
    await done;
    return Number(request.result);
  }

  #beginAdding() {
    const transaction = this.#transaction("readwrite");
    queueMicrotask(() => {
      this.adding = null;
      transaction.commit();
    });
    return { transaction, done: done(transaction) };
  }

  /** @returns {Promise<Entry[]>} those that wait, in their order */
  async entries() {
    return result(this.#transaction("readonly").objectStore("entries").getAll());
  }

  /** @returns {Promise<number>} how many wait */
  async count() {
    return result(this.#transaction("readonly").objectStore("entries").count());
  }

  /**
   * Take the next writes to be sent, and note up to where a tab has sent: what may have reached the server cannot be
   * dropped until the server has decided.
   * @param {string} tab that sends @param {number} limit @param {(first: Entry[]) => Entry[]} choose which of the first
   * @returns {Promise<{ entries: Entry[], place: Place, sent: number }>} also up to where it had sent before
   */
  async take(tab, limit, choose) {
    const transaction = this.#transaction("readwrite");
    const places = transaction.objectStore("places");
    const first = await result(transaction.objectStore("entries").getAll(null, limit));
    const place = await result(places.get(PLACE));
    const sent = (await result(places.get([SENT, tab]))) ?? -1;
    const entries = choose(first);
    const last = entries.at(-1)?.sequence ?? -1;
    if (last > sent) places.put(last, [SENT, tab]);
    await done(transaction);
    return { entries, place, sent };
  }

  /** The server has answered that it did nothing: what was taken last may be dropped again. @param {string} tab @param {number} sent as `take` has returned it */
  async putBack(tab, sent) {
    const transaction = this.#transaction("readwrite");
    transaction.objectStore("places").put(sent, [SENT, tab]);
    await done(transaction);
  }

  /**
   * The server has decided writes: forget them, and note up to where. The id of a new row may be that of another one: then
   * everything that waits for the row is put at the end of the queue, with another id.
   * @param {number[]} sequences @param {{ stream: string, from: RowId, to: RowId }[]} moves rows with their new ids
   * @param {Refusal[]} refusals what the person has to be told, kept until they have read it
   * @returns {Promise<Move[]>} the writes that were put at the end
   */
  async remove(sequences, moves = [], refusals = []) {
    const transaction = this.#transaction("readwrite");
    const entries = transaction.objectStore("entries");
    const places = transaction.objectStore("places");
    const place = await result(places.get(PLACE));
    const confirmed = Math.max(place.confirmed, ...sequences);
    places.put({ ...place, confirmed }, PLACE);
    const waiting = moves.length ? await result(entries.getAll()) : [];
    for (const sequence of sequences) entries.delete(sequence);
    const moved = [];
    for (const { sequence, ...entry } of waiting) {
      const move = moves.find(({ stream, from }) => entry.stream === stream && entry.id === from);
      if (!move) continue;
      entries.delete(sequence);
      const there = { ...entry, id: move.to };
      moved.push({ from: sequence, there, added: entries.add(there) });
    }
    for (const refusal of refusals) places.put(refusal, [REFUSED, refusal.outcome.sequence]);
    const senders = await result(places.getAllKeys(under(SENT)));
    for (const sender of senders) if ((await result(places.get(sender))) <= confirmed) places.delete(sender);
    await done(transaction);
    return moved.map(({ from, there, added }) => ({ from, entry: { ...there, sequence: Number(added.result) } }));
  }

  /**
   * Drop a write, with those that cannot be done without it. The transaction stands before or after that of `take`, in
   * whichever tab: so nothing is sent that a person was told to be dropped.
   * @param {number} sequence @returns {Promise<Entry[] | null>} what was dropped; null if it may have been sent already
   */
  async drop(sequence) {
    const transaction = this.#transaction("readwrite");
    const entries = transaction.objectStore("entries");
    const waiting = await result(entries.getAll());
    const sent = Math.max(-1, ...(await result(transaction.objectStore("places").getAll(under(SENT)))));
    const dropped = withDependents(waiting, sequence);
    const isSent = dropped.some((entry) => entry.sequence <= sent);
    if (!isSent) {
      for (const entry of dropped) entries.delete(entry.sequence);
      for (const entry of rebased(waiting, dropped)) entries.put(entry);
    }
    await done(transaction);
    return isSent || !dropped.length ? null : dropped;
  }

  /** @returns {Promise<Refusal[]>} those that the person has not read of, in the order of the writes */
  async refusals() {
    return result(this.#transaction("readonly").objectStore("places").getAll(under(REFUSED)));
  }

  /** The person has read of refusals. @param {number[]} sequences */
  async forgetRefusals(sequences) {
    const transaction = this.#transaction("readwrite");
    for (const sequence of sequences) transaction.objectStore("places").delete([REFUSED, sequence]);
    await done(transaction);
  }

  /**
   * The server has stored something else than what was sent. What waits says what its author saw, so it says that instead.
   * @param {Entry[]} decided @param {import("./entries.js").Outcome[]} outcomes
   */
  async correct(decided, outcomes) {
    if (!outcomes.some(({ stored }) => stored)) return;
    const transaction = this.#transaction("readwrite");
    const entries = transaction.objectStore("entries");
    for (const entry of corrected(await result(entries.getAll()), decided, outcomes)) entries.put(entry);
    await done(transaction);
  }

  /** The server has other writes under these numbers: go on with a queue of another id, which it does not know. */
  async renew() {
    const transaction = this.#transaction("readwrite");
    transaction.objectStore("places").put({ id: makeId(), confirmed: 0 }, PLACE);
    await done(transaction);
  }

  /** Delete the database, with all that waits in it. Tabs that have it open keep no writes from then on. */
  async forget() {
    this.database?.close();
    this.database = null;
    await result(indexedDB.deleteDatabase(this.name));
  }

  async #open() {
    const request = indexedDB.open(this.name, SCHEMA);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("entries", { keyPath: "sequence", autoIncrement: true });
      request.result.createObjectStore("places").put({ id: makeId(), confirmed: 0 }, PLACE);
    };
    const database = await result(request);
    database.onclose = () => (this.database = null);
    database.onversionchange = () => {
      database.close(); // a later build wants to change it, or the person has signed out
      this.database = null;
    };
    this.database = database;
  }

  /** @param {IDBTransactionMode} mode */
  #transaction(mode) {
    if (!this.database) throw new Error("this browser keeps no writes");
    return this.database.transaction(["entries", "places"], mode);
  }
}

/** All keys `[name, ...]`. @param {string} name */
function under(name) {
  return IDBKeyRange.bound([name], [name, []]);
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function done(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
