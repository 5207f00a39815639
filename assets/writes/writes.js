// @ts-check
/** The writes of a page. An entry of its own, which only an app with writable streams has its pages load. */

import { tab } from "../leader.js";
import { onScripts } from "../streams/scripts.js";
import { store } from "../streams/streams.js";
import { Explainer, offerUndo, tell } from "./explain.js";
import { Fields } from "./fields.js";
import { isOfInputMethod } from "./keys.js";
import { RowIds, timeOf } from "./row_ids.js";
import { Outbox } from "./outbox.js";
import { Queue, databaseOf } from "./queue.js";
import { inWords } from "./words.js";

/**
 * @typedef {import("../streams/store.js").RowId} RowId
 * @typedef {import("../streams/totals.js").Declared} Declared
 * @typedef {{ time: number, defaults: Record<string, any>, makesIds: boolean, hasUuids: boolean, named_by: string,
 *   verbs: Record<string, Record<string, any>> } & Declared} Writable what a page says of a stream; `named_by` is the field
 *   that a person knows a row by, `verbs` has what each shows at once
 */

const NOW = "\0now"; // stands for the time of an insert among the defaults
/** @type {Map<string, Writable>} by the names of the streams */
const writable = new Map();
let rowIds = new RowIds(Date.now());
onScripts("script.todosync-writable", ({ dataset: { stream = "" }, textContent }) => {
  /** @type {Writable} */
  const said = JSON.parse(textContent ?? "");
  if (writable.size === 0) rowIds = new RowIds(said.time);
  writable.set(stream, said);
  const { totals, texts } = said;
  if (!totals || !texts) return;
  for (const state of store.streams.values()) if (state.name === stream) state.declared = { totals, texts };
});
/** Who this page belongs to, as the server says: a short hash, empty for nobody. */
const person = document.querySelector('meta[name="todosync-person"]')?.getAttribute("content") ?? "";
const queue = new Queue(databaseOf(person));
const explainer = new Explainer({
  update: (stream, id, values) => writes.update(stream, id, values),
  onRead: (sequences) => outbox.read(sequences),
});
let hasToldOfOther = false;
const outbox = new Outbox({
  queue,
  person,
  store,
  tab,
  makeRowId: (like) => (typeof like === "string" ? rowIds.makeUuid() : rowIds.make()),
  explain: (entry, outcome) => explainer.explain(entry, outcome),
  onRead: (sequences) => explainer.forget(sequences),
  onOther: () => {
    if (!hasToldOfOther) tell("Somebody else is signed in now. What waits here is kept until you sign in again.");
    hasToldOfOther = true;
  },
});
tab.relays.push(outbox);

/**
 * Write to a stream: shown at once, kept until it is done. Each returns what becomes of it, or null where this browser
 * keeps no writes; then the server is to be asked as for any other event.
 */
const writes = {
  view: outbox.view,
  /** Whether a write to a row has waited for long. @param {string} stream @param {RowId} id */
  isLate: (stream, id) => outbox.isLate(stream, id),
  /** How many writes to a stream, or to one of its scopes, have waited for long. @type {Outbox["pending"]} */
  pending: (stream, scope) => outbox.pending(stream, scope),
  /**
   * What waits, in words and in its order. @param {Record<string, string>} words see {@link inWords}
   * @returns {{ sequence: number, text: string }[]}
   */
  waiting: (words = {}) =>
    outbox.waiting().map((entry) => ({
      sequence: entry.sequence,
      text: inWords(entry, writable.get(entry.stream)?.named_by ?? "", words),
    })),
  /** What is dropped with a write. @param {number} sequence */
  droppedWith: (sequence) => outbox.droppedWith(sequence),
  /** Drop a write that waits; false if it may have been sent. @param {number} sequence */
  drop: (sequence) => outbox.drop(sequence),
  /** How many writes of this person wait in this browser, of all streams. @returns {Promise<number>} */
  count: async () => (queue.isOpen ? queue.count() : 0),
  /** What was refused, and the person has not read of. @returns {Promise<import("./queue.js").Refusal[]>} */
  unread: async () => (queue.isOpen ? queue.refusals() : []),
  /** Delete all that is kept of this person's writes in this browser. @returns {Promise<number>} how many waited */
  async forget() {
    const count = await writes.count();
    if (queue.isOpen) await queue.forget();
    return count;
  },
  /** @param {string} stream @param {Record<string, any>} values */
  insert(stream, values) {
    const known = writable.get(stream);
    if (!known?.makesIds)
      console.error(
        `writes.insert: ${known ? `rows of ${stream} get no ids by new_id` : `no writable stream ${stream} on this page`}`,
      );
    if (!queue.isOpen || !known?.makesIds) return null;
    const shown = { ...known.defaults };
    for (const [name, value] of Object.entries(shown)) if (value === NOW) shown[name] = newest(stream, name, values);
    const id = known.hasUuids ? rowIds.makeUuid() : rowIds.make();
    return outbox.write(stream, "insert", id, values, { shows: { ...shown, ...values } });
  },
  /**
   * @param {string} stream @param {RowId} id @param {Record<string, any>} values
   * @param {Record<string, any>} [seen] what its author saw in these fields before, if that is not what they show now
   * @param {boolean} [explainsItself] whether the caller tells its author of a refusal
   */
  update(stream, id, values, seen = {}, explainsItself = false) {
    if (!queue.isOpen) return null;
    const row = shownRow(stream, id);
    const was = Object.fromEntries(
      Object.keys(values)
        .filter((name) => name in row)
        .map((name) => [name, row[name]]),
    );
    return outbox.write(stream, "update", id, values, {
      was: { ...was, ...seen },
      name: nameOf(stream, { ...row, ...seen }), // the row may be gone
      explainsItself,
    });
  },
  /**
   * @param {string} stream @param {RowId} id
   * @param {{ undo?: string }} [options] `undo` is the text of a notice that offers to put the row back
   */
  delete(stream, id, options) {
    return writes.deleteAll(stream, [id], options)?.[0] ?? null;
  },
  /**
   * Delete several rows, which one notice offers to put back.
   * @param {string} stream @param {RowId[]} ids @param {{ undo?: string }} [options]
   */
  deleteAll(stream, ids, { undo } = {}) {
    if (!queue.isOpen) return null;
    const rows = ids.map((id) => ({ ...shownRow(stream, id), id }));
    const written = rows.map((row) => outbox.write(stream, "delete", row.id, {}, { name: nameOf(stream, row) }));
    if (undo !== undefined) offerToPutBack(stream, rows, written, undo);
    return written;
  },
  /** Put back a row that this browser has deleted. @param {string} stream @param {Record<string, any>} row as it was shown */
  restore(stream, row) {
    if (!queue.isOpen) return null;
    return outbox.write(stream, "restore", row.id, {}, { shows: row, name: nameOf(stream, row) });
  },
  /** Do what a verb of the stream does. @param {string} stream @param {RowId} id @param {string} verb */
  do(stream, id, verb) {
    const shows = writable.get(stream)?.verbs[verb];
    if (!shows) console.error(`writes.do: no verb ${verb} of a writable stream ${stream} on this page`);
    if (!queue.isOpen || !shows) return null;
    return outbox.write(stream, verb, id, {}, { shows, name: nameOf(stream, shownRow(stream, id)) });
  },
};

/**
 * @param {string} stream @param {Record<string, any>[]} rows that were deleted, as they were shown
 * @param {import("./outbox.js").Written[]} written what becomes of that @param {string} undo the text of the notice
 */
async function offerToPutBack(stream, rows, written, undo) {
  const areKept = await Promise.all(written.map(({ kept }) => kept));
  const kept = rows.filter((_, index) => areKept[index]);
  if (!kept.length) return;
  const dismiss = offerUndo(undo, () => kept.forEach((row) => writes.restore(stream, row)));
  const outcomes = await Promise.all(written);
  if (outcomes.every(({ state }) => state === "refused")) dismiss();
}

/** @param {string} stream @param {RowId} id @returns {Record<string, any>} */
function shownRow(stream, id) {
  return store.find(stream, id)?.row(id) ?? {};
}

/** What a person knows a row by. @param {string} stream @param {Record<string, any>} row @returns {string} */
function nameOf(stream, row) {
  return String(row[writable.get(stream)?.named_by ?? ""] ?? "");
}

/**
 * A row that is new now comes after those that are known, whatever the clocks say.
 * @param {string} stream @param {string} name @param {Record<string, any>} values
 */
function newest(stream, name, values) {
  const state = store.find(stream, NaN, values);
  if (!state) return timeOf(rowIds.now());
  const { field, isDescending, view } = state;
  const last = name === field ? view.rows.at(isDescending ? 0 : -1) : undefined;
  return timeOf(Math.max(rowIds.now(), last ? Date.parse(last[name]) + 1 : 0));
}

const fields = new Fields({
  update: writes.update,
  row: rowToType,
  tell: (why, typed) => explainer.tell(why, typed),
  storage: storageOfTab(),
});
addEventListener("pagehide", () => fields.keep());

/** The row in which somebody types. Until all rows have come, nobody knows that a row is gone. @param {string} stream @param {RowId} id */
function rowToType(stream, id) {
  const states = [...store.streams.values()].filter(({ name }) => name === stream);
  // both are reactive: this is asked again when rows have come or gone
  const lacking = states.filter(({ view }) => view.version < 0 || !view.rows);
  return states.map((state) => state.row(id)).find((row) => row) ?? (lacking.length ? { id } : undefined);
}

function storageOfTab() {
  try {
    return sessionStorage;
  } catch {
    return null; // it is forbidden
  }
}

Object.assign(/** @type {any} */ (window).todosync, { writes, fields, isOfInputMethod });
