// @ts-check
/** The writes of a page. An entry of its own, which only an app with writable streams has its pages load. */

import { tab } from "../leader.js";
import { store } from "../streams/streams.js";
import { explain } from "./explain.js";
import { RowIds, timeOf } from "./row_ids.js";
import { Outbox } from "./outbox.js";
import { PERSON, Queue } from "./queue.js";

/**
 * @typedef {import("../streams/totals.js").Declared} Declared
 * @typedef {{ time: number, defaults: Record<string, any>, makesIds: boolean } & Declared} Writable what a page says of a
 *   stream
 */

const NOW = "\0now"; // stands for the time of an insert among the defaults
const scripts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("script.todosync-writable"));
/** @type {Map<string, Writable>} by the names of the streams */
const writable = new Map(
  [...scripts].map((script) => [script.dataset.stream ?? "", JSON.parse(script.textContent ?? "")]),
);
for (const [stream, { totals, texts }] of writable) store.stream(stream).declared = { totals, texts };
const [first] = writable.values();
const rowIds = new RowIds(first?.time ?? Date.now());
const queue = new Queue(`todosync-writes-${PERSON}`);
const outbox = new Outbox({
  queue,
  store,
  tab,
  makeRowId: () => rowIds.make(),
  explain: (entry, outcome) => explain(entry, outcome, writes.update),
});
tab.relays.push(outbox);

/**
 * Write to a stream: shown at once, kept until it is done. Each returns what becomes of it, or null where this browser
 * keeps no writes; then the server is to be asked as for any other event.
 */
const writes = {
  view: outbox.view,
  /** @param {string} stream @param {Record<string, any>} values */
  insert(stream, values) {
    const known = writable.get(stream);
    if (!known?.makesIds)
      console.error(
        `writes.insert: ${known ? `rows of ${stream} get no ids by new_id` : `no writable stream ${stream} on this page`}`,
      );
    if (!queue.isOpen || !known?.makesIds) return null;
    const shown = { ...known.defaults };
    for (const [name, value] of Object.entries(shown)) if (value === NOW) shown[name] = newest(stream, name);
    return outbox.write(stream, "insert", rowIds.make(), values, { shows: { ...shown, ...values } });
  },
  /**
   * @param {string} stream @param {number} id @param {Record<string, any>} values
   * @param {Record<string, any>} [seen] what its author saw in these fields before, if that is not what they show now
   */
  update(stream, id, values, seen = {}) {
    if (!queue.isOpen) return null;
    const row = /** @type {Record<string, any>} */ (store.stream(stream).row(id) ?? {});
    const was = Object.fromEntries(
      Object.keys(values)
        .filter((name) => name in row)
        .map((name) => [name, row[name]]),
    );
    return outbox.write(stream, "update", id, values, { was: { ...was, ...seen } });
  },
  /** @param {string} stream @param {number} id */
  delete: (stream, id) => (queue.isOpen ? outbox.write(stream, "delete", id, {}) : null),
};

/** A row that is new now comes after those that are known, whatever the clocks say. @param {string} stream @param {string} name */
function newest(stream, name) {
  const { field, isDescending, view } = store.stream(stream);
  const last = name === field ? view.rows.at(isDescending ? 0 : -1) : undefined;
  return timeOf(Math.max(rowIds.now(), last ? Date.parse(last[name]) + 1 : 0));
}

Object.assign(/** @type {any} */ (window).todosync, { writes });
