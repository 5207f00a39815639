// @ts-check
/**
 * What a person types into the fields of rows. It is the person's until it is written: neither a change by somebody
 * else, nor scrolling, nor a reload takes it away. What the server refuses comes back into the field, with the reason.
 */

import { shallowReactive, watchEffect } from "vue";

/**
 * @typedef {import("./entries.js").Outcome} Outcome
 * @typedef {import("./entries.js").RowId} RowId
 * @typedef {{ id: RowId } & Record<string, any>} Row
 * @typedef {{ stream: string, id: RowId, name: string, value: any, was: any }} Draft `was` is what the field held when
 *   the person began to type
 * @typedef {(stream: string, id: RowId, values: object, was: object, explainsItself: boolean) => Promise<Outcome> | null
 * } Update writes, if the browser keeps writes
 * @typedef {(id: RowId, value: any) => void} Emit asks the server, where the browser keeps no writes
 */

const KEY = "todosync-fields"; // in the tab's storage: the drafts, for the next load of the page

export class Fields {
  /**
   * @param {object} parts
   * @param {Update} parts.update
   * @param {(stream: string, id: RowId) => Row | undefined} parts.row
   * @param {(why: string, typed: string) => void} parts.tell why what was typed is in no field
   * @param {Storage | null} parts.storage the tab's
   */
  constructor({ update, row, tell, storage }) {
    this.update = update;
    this.row = row;
    this.tell = tell;
    this.storage = storage;
    /** @type {Map<string, Draft>} by stream, row and field */
    this.drafts = shallowReactive(new Map());
    /** @type {Map<string, string>} why the server has refused what was typed */
    this.refused = shallowReactive(new Map());
    this.#restore();
    watchEffect(() => this.#tellOfTheGone());
  }

  /** What a field shows. @param {string} stream @param {Row} row @param {string} name */
  value(stream, row, name) {
    const draft = this.drafts.get(keyOf(stream, row.id, name));
    return draft ? draft.value : row[name];
  }

  /** Why what was typed was refused. @param {string} stream @param {Row} row @param {string} name */
  error(stream, row, name) {
    return this.refused.get(keyOf(stream, row.id, name)) ?? "";
  }

  /** Keep what is being typed. @param {string} stream @param {Row} row @param {string} name @param {any} value */
  type(stream, row, name, value) {
    const key = keyOf(stream, row.id, name);
    const was = this.drafts.has(key) ? this.drafts.get(key)?.was : row[name];
    this.drafts.set(key, { stream, id: row.id, name, value, was });
    this.refused.delete(key);
  }

  /** Forget what was typed. @param {string} stream @param {Row} row @param {string} name */
  cancel(stream, row, name) {
    this.drafts.delete(keyOf(stream, row.id, name));
    this.refused.delete(keyOf(stream, row.id, name));
  }

  /**
   * Write what was typed, if it is something else than before. A refusal leaves it in the field, which shows why.
   * @param {string} stream @param {Row} row @param {string} name @param {Emit} emit
   * @param {(typed: any) => any} [convert] makes the field's value of what was typed
   */
  commit(stream, row, name, emit, convert = (typed) => typed) {
    const key = keyOf(stream, row.id, name);
    const draft = this.drafts.get(key);
    if (!draft || this.refused.has(key)) return;
    this.drafts.delete(key);
    const value = convert(draft.value);
    if (value === draft.was) return;
    const written = this.update(stream, row.id, { [name]: value }, { [name]: draft.was }, true);
    if (!written) emit(row.id, value);
    written?.then((outcome) => this.#onOutcome(draft, outcome));
  }

  /**
   * Write what was chosen. A refusal takes it back, and is told as that of any other write.
   * @param {string} stream @param {Row} row @param {string} name @param {any} value @param {Emit} emit
   */
  set(stream, row, name, value, emit) {
    this.drafts.delete(keyOf(stream, row.id, name)); // of a slider that is let go
    if (value !== row[name] && !this.update(stream, row.id, { [name]: value }, {}, false)) emit(row.id, value);
  }

  /** Keep what is typed for the next load of the page. */
  keep() {
    try {
      this.storage?.setItem(KEY, JSON.stringify([...this.drafts.values()]));
    } catch {
      // the storage is full
    }
  }

  #restore() {
    try {
      /** @type {Draft[]} */
      const drafts = JSON.parse(this.storage?.getItem(KEY) ?? "[]");
      this.storage?.removeItem(KEY);
      for (const draft of drafts) this.drafts.set(keyOf(draft.stream, draft.id, draft.name), draft);
    } catch {
      // another build has kept something else
    }
  }

  /** @param {Draft} draft @param {Outcome} outcome */
  #onOutcome(draft, { state, gone, errors = [], fields = {} }) {
    if (state !== "refused" || gone) return;
    const { stream, id, name } = draft;
    const key = keyOf(stream, id, name);
    const why = fields[name] ?? errors.join(". ");
    if (!this.drafts.has(key)) this.drafts.set(key, draft); // else the person has typed something else meanwhile
    this.refused.set(key, why);
    if (!document.querySelector(`[data-field="${CSS.escape(key)}"]`)) this.tell(why, String(draft.value));
  }

  /** A row was deleted while somebody typed in it: show them the text, so that it is not lost. */
  #tellOfTheGone() {
    for (const [key, draft] of this.drafts) {
      if (this.row(draft.stream, draft.id)) continue;
      this.drafts.delete(key);
      this.refused.delete(key);
      if (draft.value !== draft.was) this.tell("This was deleted while you changed it", String(draft.value));
    }
  }
}

/** @param {string} stream @param {RowId} id @param {string} name */
export function keyOf(stream, id, name) {
  return JSON.stringify([stream, id, name]);
}
