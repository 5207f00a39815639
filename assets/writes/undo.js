// @ts-check
/**
 * What a person has written last in this tab, so that they can take it back: the last write first, then those before it.
 * What takes a write back is a write like any other. The server refuses it where somebody has changed the same since.
 */

import { quoted } from "./explain.js";

export const LIMIT = 100; // moments whose writes can be taken back: the last ones
const KEY = "todosync-undo"; // in the tab's storage: the writes, for the next load of the page
const OF_SERVER = "\0server"; // the action of a write that a handler of the page has made
const DONE = /** @type {Record<string, string>} */ ({ insert: "added", update: "changed", delete: "deleted" });

/**
 * @typedef {import("./entries.js").RowId} RowId
 * @typedef {import("./outbox.js").Written} Written
 *
 * @typedef {object} Own a write of this tab
 * @property {string} stream of a handler's write the key of the view through which it was made
 * @property {string} action
 * @property {RowId} id
 * @property {Record<string, any>} set what it has set, by field
 * @property {Record<string, any>} before what it has replaced; of a deleted row all that was shown
 * @property {string} name what a person knows the row by
 * @property {number} [step] the same of what was written in one moment, as by a click that checks all rows
 */

export class OwnWrites {
  /**
   * @param {object} parts
   * @param {import("./outbox.js").Outbox["write"]} parts.write
   * @param {(stream: string) => { fields: string[], noun: string } | undefined} parts.known what can be written
   * @param {(stream: string, id: RowId) => string} parts.nameNow what a person knows a row by, empty if it is not shown
   * @param {(stream: string) => void} parts.askServer has the last write of a handler taken back
   * @param {(sentence: string) => void} parts.tell
   * @param {string} parts.person whose writes they are: nobody else takes them back in this tab
   * @param {Storage | null} parts.storage the tab's
   */
  constructor({ write, known, nameNow, askServer, tell, person, storage }) {
    this.write = write;
    this.known = known;
    this.nameNow = nameNow;
    this.askServer = askServer;
    this.tell = tell;
    this.person = person;
    this.storage = storage;
    /** @type {Set<Own>} in their order */
    this.list = new Set(this.#kept());
    this.step = this.#last()?.step ?? 0;
    this.isSameMoment = false;
  }

  /**
   * Note a write. One that is not done leaves the list again.
   * @param {Own} own @param {Promise<import("./entries.js").Outcome>} written
   * @param {Record<string, any>} [defaults] of a new row: what is in its other fields, once it is done
   * @returns {Own}
   */
  note(own, written, defaults = {}) {
    this.#add(own);
    written.then(({ state, stored, conflicts }) => {
      if (state !== "done") this.list.delete(own);
      own.set = { ...defaults, ...own.set, ...stored };
      own.before = { ...own.before, ...conflicts };
    });
    return own;
  }

  /** Note that a handler of the page has written through a view. @param {string} view its key */
  noteOfServer(view) {
    const own = { stream: view, action: OF_SERVER, id: 0, set: {}, before: {}, name: "" };
    this.#add(own);
  }

  /** Whether a write can still be taken back. @param {Own} own */
  has(own) {
    return this.list.has(own);
  }

  /** The delete of a row, if it can be taken back. @param {string} stream @param {RowId} id */
  deleteOf(stream, id) {
    return [...this.list].findLast((own) => own.action === "delete" && own.stream === stream && own.id === id);
  }

  /**
   * Take the last write back, with what was written in the same moment, and tell the person.
   * @returns {Written | null} what becomes of the last of it, null where the browser has written nothing
   */
  undo() {
    const own = this.#last();
    if (!own) this.tell("There is nothing to undo");
    else if (own.action !== OF_SERVER)
      return this.#undo([...this.list].filter(({ step }) => step === own.step).reverse());
    else {
      this.list.delete(own);
      this.askServer(own.stream);
    }
    return null;
  }

  /** Take a write back. @param {Own} own @returns {Written | null} null where that is not possible */
  takeBack(own) {
    this.list.delete(own);
    const { stream, action, id, set, before, name } = own;
    if (action === "insert") return this.write(stream, "delete", id, {}, { was: set, name });
    if (action === "delete") return this.write(stream, "restore", id, {}, { shows: { ...before, id }, name });
    const fields = Object.keys(before);
    if (!fields.length || !fields.every((field) => this.known(stream)?.fields.includes(field))) return null;
    return this.write(stream, "undo", id, before, { was: set, name });
  }

  /** Keep the list for the next load of the page, which is built anew on the server. */
  keep() {
    try {
      const list = [...this.list].filter(({ action }) => action !== OF_SERVER);
      this.storage?.setItem(KEY, JSON.stringify({ person: this.person, list }));
    } catch {
      // the storage is full
    }
  }

  /** @param {Own[]} step @returns {Written | null} */
  #undo(step) {
    const written = step.map((own) => this.takeBack(own)).filter((taken) => taken !== null);
    const [{ stream, action, id, name: known }] = step;
    const name = (this.nameNow(stream, id) || known).trim();
    const what = name ? quoted([name]) : `one ${this.known(stream)?.noun ?? "row"}`;
    const done = DONE[action] ?? action.replaceAll("_", " ");
    if (written.length > 1) this.tell(`Undone: ${written.length} changes`);
    else this.tell(written.length ? `Undone: ${done} ${what}` : `“${done}” of ${what} cannot be undone`);
    return written.at(-1) ?? null;
  }

  /** @param {Own} own */
  #add(own) {
    if (!this.isSameMoment) {
      this.step += 1;
      for (const old of this.list) if ((old.step ?? 0) <= this.step - LIMIT) this.list.delete(old);
      this.isSameMoment = true;
      queueMicrotask(() => (this.isSameMoment = false));
    }
    own.step = this.step;
    this.list.add(own);
  }

  #last() {
    return [...this.list].at(-1);
  }

  /** @returns {Own[]} */
  #kept() {
    try {
      const { person, list } = JSON.parse(this.storage?.getItem(KEY) ?? "{}");
      this.storage?.removeItem(KEY);
      return person === this.person ? list : [];
    } catch {
      return []; // another build has kept something else
    }
  }
}
