// @ts-check
/**
 * A person's writes in this browser, on their way to the server. They are kept in IndexedDB, so that they outlive the tab,
 * the page and the browser. The browser itself brings the tabs' transactions into an order, and the keys that it gives
 * are that order.
 */

import { makeId } from "../tabs/random_id.js";

const SCHEMA = 1; // of the database
export const PERSON = "anonymous";

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./entries.js").RowId} RowId
 * @typedef {{ id: string, confirmed: number }} Place the queue at the server, and up to where its outcomes have arrived
 */

export class Queue {
  /** @param {string} name of the database */
  constructor(name) {
    /** @type {IDBDatabase | null} */
    this.database = null;
    /** @type {{ transaction: IDBTransaction, done: Promise<void> } | null} keeps the writes of this moment */
    this.adding = null;
    this.opening = this.#open(name);
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

  /** @param {number} [limit] @returns {Promise<Entry[]>} the first ones that wait, in their order */
  async entries(limit) {
    return result(this.#transaction("readonly").objectStore("entries").getAll(null, limit));
  }

  /** @returns {Promise<Place>} */
  async place() {
    return result(this.#transaction("readonly").objectStore("places").get(0));
  }

  /**
   * The server has decided writes: forget them, and note up to where. The id of a new row may be that of another one: then
   * everything that waits for the row is put at the end of the queue, with another id.
   * @param {number[]} sequences @param {{ stream: string, from: RowId, to: RowId }[]} moves rows with their new ids
   */
  async remove(sequences, moves = []) {
    const transaction = this.#transaction("readwrite");
    const entries = transaction.objectStore("entries");
    const places = transaction.objectStore("places");
    const place = await result(places.get(0));
    places.put({ ...place, confirmed: Math.max(place.confirmed, ...sequences) }, 0);
    const waiting = moves.length ? await result(entries.getAll()) : [];
    for (const sequence of sequences) entries.delete(sequence);
    for (const { sequence, ...entry } of waiting) {
      const move = moves.find(({ stream, from }) => entry.stream === stream && entry.id === from);
      if (move) entries.delete(sequence);
      if (move) entries.add({ ...entry, id: move.to });
    }
    await done(transaction);
  }

  /** The server has other writes under these numbers: go on with a queue of another id, which it does not know. */
  async renew() {
    const transaction = this.#transaction("readwrite");
    transaction.objectStore("places").put({ id: makeId(), confirmed: 0 }, 0);
    await done(transaction);
  }

  /** @param {string} name */
  async #open(name) {
    const request = indexedDB.open(name, SCHEMA);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("entries", { keyPath: "sequence", autoIncrement: true });
      request.result.createObjectStore("places").put({ id: makeId(), confirmed: 0 }, 0);
    };
    const database = await result(request);
    database.onclose = () => (this.database = null);
    database.onversionchange = () => {
      database.close(); // a later build wants to change it
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
