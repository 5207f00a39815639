// @ts-check
/** The entries of the queue: what a write is while it waits, and what the server may decide of it. */

import { isObject } from "../tabs/messages.js";

export const FORMAT = 1; // of the entries; a later build reads the earlier ones
export const SIZE_LIMIT = 200_000; // characters of a batch, which has to fit into one message

/**
 * @typedef {import("../streams/store.js").RowId} RowId
 *
 * @typedef {object} Entry a write that waits
 * @property {number} sequence
 * @property {number} format
 * @property {string} stream
 * @property {string} action "insert", "update", "delete", "restore", "undo", or a verb
 * @property {RowId} id of the row
 * @property {Record<string, any>} values
 * @property {Record<string, any>} was what its author saw in these fields before; of one that takes another back what that
 *   had set
 * @property {Record<string, any>} shows what is shown of it: its values, and of a new row the defaults of the others
 * @property {string} [name] what a person knows the row by
 * @property {string} tab that wrote it
 * @property {number} at its time, in milliseconds since 1970
 *
 * @typedef {{ from: number, entry: Entry }} Move a write that is another entry now, and its place in the order before
 *
 * @typedef {object} Shown a write that is shown before the server shows it
 * @property {Entry} entry
 * @property {import("../streams/store.js").PendingWrite} write
 * @property {(outcome: Outcome) => void} decide
 * @property {Promise<Outcome>} decided
 * @property {boolean} explainsItself whether somebody else tells the person of a refusal
 *
 * @typedef {object} Outcome what the server has decided
 * @property {number} sequence of the write
 * @property {"done" | "refused" | "taken" | "dropped"} state "dropped" where the person has taken it out of the queue
 * @property {import("../streams/store.js").Version} [version] that holds what was done
 * @property {[import("../streams/store.js").Scope, import("../streams/store.js").Version][]} [versions] of a stream with
 *   scopes: the same for each scope in which something was done, two for a row that has moved
 * @property {Record<string, any>} [conflicts] what others had set meanwhile, by field
 * @property {Record<string, any>} [stored] what is in fields in which its author sees something else, by field
 * @property {string[]} [errors] why it was refused
 * @property {Record<string, string>} [fields] the same beside fields
 * @property {boolean} [gone] there is no such row any more
 */

/** The first entries, as many as fit into one message. @param {Entry[]} entries */
export function fitting(entries) {
  let size = 0;
  const end = entries.findIndex((entry) => (size += sizeOf(entry)) > SIZE_LIMIT);
  return end < 0 ? entries : entries.slice(0, Math.max(end, 1));
}

/**
 * A write, and those that cannot be done without it: of a row that it adds or puts back. @param {Entry[]} waiting
 * @param {number} sequence
 */
export function withDependents(waiting, sequence) {
  const first = waiting.find((entry) => entry.sequence === sequence);
  if (!first) return [];
  if (first.action !== "insert" && first.action !== "restore") return [first];
  return waiting.filter((entry) => entry.sequence >= sequence && isOfRow(entry, first));
}

/**
 * Writes that say that their author saw what is dropped: from now on they say what was there before it, or else the
 * author would be told that somebody else had written that. @param {Entry[]} waiting @param {Entry[]} dropped
 */
export function rebased(waiting, dropped) {
  const left = waiting.filter((entry) => !dropped.includes(entry));
  /** @type {Map<number, Entry>} */
  const changed = new Map();
  for (const gone of dropped) {
    for (const [name, value] of Object.entries(gone.values)) {
      const next = left.find((entry) => entry.sequence > gone.sequence && isOfRow(entry, gone) && name in entry.was);
      if (!next || JSON.stringify(next.was[name]) !== JSON.stringify(value)) continue;
      const was = { ...(changed.get(next.sequence) ?? next).was };
      if (name in gone.was) was[name] = gone.was[name];
      else delete was[name];
      changed.set(next.sequence, { ...next, was });
    }
  }
  return [...changed.values()];
}

/**
 * Entries that say that their author saw what was then stored otherwise: a rule has removed spaces, for example. Now they
 * say what is stored. @param {Entry[]} waiting @param {Entry[]} entries those that were decided @param {Outcome[]} outcomes
 */
export function corrected(waiting, entries, outcomes) {
  /** @type {Map<number, Entry>} */
  const changed = new Map();
  for (const { sequence, stored = {} } of outcomes) {
    const done = entries.find((entry) => entry.sequence === sequence);
    for (const [name, value] of done ? Object.entries(stored) : []) {
      for (const entry of waiting) {
        if (entry.stream !== done?.stream || entry.id !== done.id || entry.sequence <= sequence) continue;
        const { was } = changed.get(entry.sequence) ?? entry;
        if (name in was && JSON.stringify(was[name]) === JSON.stringify({ ...done.shows, ...done.values }[name]))
          changed.set(entry.sequence, { ...entry, was: { ...was, [name]: value } });
      }
    }
  }
  return [...changed.values()];
}

/** @param {Entry} one @param {Entry} other */
function isOfRow(one, other) {
  return one.stream === other.stream && one.id === other.id;
}

/** Whether a person has to be told of a refusal: not where somebody else has deleted what they wanted to delete. @param {Entry} entry @param {Outcome} outcome */
export function isToBeTold({ action }, { state, gone }) {
  return state === "refused" && !(gone && action === "delete");
}

/** @param {object} entry */
export function sizeOf(entry) {
  return JSON.stringify(entry).length;
}

/** @param {any} entry */
export function isEntry(entry) {
  if (!isObject(entry) || ![entry.values, entry.was, entry.shows].every(isObject)) return false;
  const isId = typeof entry.id === "string" || Number.isSafeInteger(entry.id);
  return (
    isId &&
    Number.isSafeInteger(entry.sequence) &&
    [entry.stream, entry.action, entry.tab].every((text) => typeof text === "string")
  );
}

/** @param {any} outcome */
export function isOutcome(outcome) {
  if (!isObject(outcome) || !Number.isSafeInteger(outcome.sequence) || typeof outcome.state !== "string") return false;
  return outcome.versions === undefined || areAll(outcome.versions, Array.isArray);
}

/** @param {any} move */
export function isMove(move) {
  return isObject(move) && Number.isSafeInteger(move.from) && isEntry(move.entry);
}

/** @param {any} list @param {(value: any) => boolean} check */
export function areAll(list, check) {
  return Array.isArray(list) && list.every(check);
}
