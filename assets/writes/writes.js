// @ts-check
/**
 * The writes of a page, which only the pages of an app with writable streams load.
 *
 * The module is long because it is the one place where the parts of the write side are put together, and where a page finds
 * each way to write.
 */

import { tab } from "../leader.js";
import { onScripts } from "../streams/scripts.js";
import { store } from "../streams/streams.js";
import { Explainer, offerUndo, tell, tellUndone } from "./explain.js";
import { Fields } from "./fields.js";
import { isOfInputMethod } from "./keys.js";
import { RowIds, timeOf } from "./row_ids.js";
import { Outbox } from "./outbox.js";
import { Queue, databaseOf } from "./queue.js";
import { OwnWrites } from "./undo.js";
import { watchUndoKeys } from "./undo_keys.js";
import { inWords } from "./words.js";

/**
 * @typedef {import("../streams/store.js").RowId} RowId
 * @typedef {import("../streams/totals.js").Declared} Declared
 * @typedef {{ time: number, defaults: Record<string, any>, makesIds: boolean, hasUuids: boolean, fields: string[],
 *   noun: string, named_by: string, verbs: Record<string, Record<string, any>> } & Declared} Writable what a page says of a
 *   stream; `noun` is the name of its model, `named_by` the field that a person knows a row by, `verbs` has what each shows
 *   at once
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
const own = new OwnWrites({
  write: (...args) => outbox.write(...args),
  known: (stream) => writable.get(stream),
  nameNow: (stream, id) => nameOf(stream, shownRow(stream, id)),
  askServer: (view) => /** @type {any} */ (window).emitEvent("todosync_undo", view),
  tell: tellUndone,
  person,
  storage: storageOfTab(),
});
addEventListener("pagehide", () => own.keep());

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
    const shows = { ...shown, ...values };
    const written = outbox.write(stream, "insert", id, values, { shows });
    const defaults = Object.fromEntries(known.fields.map((name) => [name, shows[name]]));
    own.note({ stream, action: "insert", id, set: values, before: {}, name: nameOf(stream, shows) }, written, defaults);
    return written;
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
    const before = { ...was, ...seen };
    const name = nameOf(stream, { ...row, ...seen }); // the row may be gone
    const written = outbox.write(stream, "update", id, values, { was: before, name, explainsItself });
    const isChange = Object.keys(values).some((field) => !isSame(values[field], before[field]));
    if (isChange) own.note({ stream, action: "update", id, set: values, before, name }, written);
    return written;
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
    const deletes = rows.map((row) => {
      const name = nameOf(stream, row);
      const written = outbox.write(stream, "delete", row.id, {}, { name });
      const noted = own.note({ stream, action: "delete", id: row.id, set: {}, before: row, name }, written);
      return { written, noted };
    });
    if (undo !== undefined) offerToPutBack(deletes, undo);
    return deletes.map(({ written }) => written);
  },
  /** Put back a row that this browser has deleted. @param {string} stream @param {Record<string, any>} row as it was shown */
  restore(stream, row) {
    if (!queue.isOpen) return null;
    const noted = { stream, action: "delete", id: row.id, set: {}, before: row, name: nameOf(stream, row) };
    return own.takeBack(own.deleteOf(stream, row.id) ?? noted);
  },
  /** Do what a verb of the stream does. @param {string} stream @param {RowId} id @param {string} verb */
  do(stream, id, verb) {
    const shows = writable.get(stream)?.verbs[verb];
    if (!shows) console.error(`writes.do: no verb ${verb} of a writable stream ${stream} on this page`);
    if (!queue.isOpen || !shows) return null;
    const row = shownRow(stream, id);
    const name = nameOf(stream, row);
    const written = outbox.write(stream, verb, id, {}, { shows, name });
    const before = Object.fromEntries(
      Object.keys(shows).flatMap((field) => (field in row ? [[field, row[field]]] : [])),
    );
    own.note({ stream, action: verb, id, set: shows, before, name }, written);
    return written;
  },
  /** Take back what the person has written last in this tab, and tell them; each further call takes back what was before. */
  undo: () => own.undo(),
  /** A handler of the page has written through a view, which can be asked to undo it. @param {string} view its key */
  noteOfServer: (view) => own.noteOfServer(view),
};

/**
 * @param {{ written: import("./outbox.js").Written, noted: import("./undo.js").Own }[]} deletes
 * @param {string} undo the text of the notice
 */
async function offerToPutBack(deletes, undo) {
  const areKept = await Promise.all(deletes.map(({ written }) => written.kept));
  const kept = deletes.filter(({ noted }, index) => areKept[index] && own.has(noted));
  if (!kept.length) return;
  const dismiss = offerUndo(undo, () => kept.forEach(({ noted }) => own.takeBack(noted)));
  const outcomes = await Promise.all(deletes.map(({ written }) => written));
  if (outcomes.every(({ state }) => state === "refused")) dismiss();
}

/** @param {string} stream @param {RowId} id @returns {Record<string, any>} */
function shownRow(stream, id) {
  return store.find(stream, id)?.row(id) ?? {};
}

/** @param {any} one @param {any} other values of a row */
function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
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

let isWatchingKeys = false;
onScripts("script.todosync-undo", () => {
  if (!isWatchingKeys) watchUndoKeys(writes.undo);
  isWatchingKeys = true;
});

function storageOfTab() {
  try {
    return sessionStorage;
  } catch {
    return null; // it is forbidden
  }
}

Object.assign(/** @type {any} */ (window).todosync, { writes, fields, isOfInputMethod });
