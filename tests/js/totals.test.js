import { Store } from "/assets/streams/store.js";
import { equal, test } from "./harness.js";

/** @typedef {import("/assets/streams/totals.js").Declared} Declared */

/** @type {Declared} the same as in tests/streams/test_texts.py, and a sum */
const DECLARED = {
  totals: {
    all: { field: "", is_sum: false },
    done: { field: "done", is_sum: false },
    cents: { field: "cents", is_sum: true },
  },
  texts: {
    heading: "Errands ({all} total, {done} done)",
    left: {
      number: "all - done",
      zero: "All done",
      one: "One of {all} left",
      other: "{ all-done } of {all} left",
    },
  },
};
const ROWS = [
  { id: 3, done: false, cents: 300 },
  { id: 2, done: false, cents: 20 },
  { id: 1, done: true, cents: null },
];
const COUNTED = { all: 3, done: 1, cents: 320, heading: "Errands (3 total, 1 done)", left: "2 of 3 left" };

/** @param {object} [message] */
function stream(message) {
  const state = new Store().stream("errands");
  state.declared = DECLARED;
  state.apply({ stream: "errands", version: [5, "mark"], errands: [...ROWS], totals: COUNTED, ...message });
  return state;
}

/** @param {import("/assets/streams/store.js").StreamState} state */
function totals({ view }) {
  const { all, done, cents, heading, left } = view.totals;
  return [all, done, cents, heading, left];
}

test("totals and texts show a write at once, and the same when the server has counted it", () => {
  const state = stream();
  equal(totals(state), [3, 1, 320, "Errands (3 total, 1 done)", "2 of 3 left"]);
  /** @type {import("/assets/streams/store.js").PendingWrite} */
  const toggle = { action: "update", id: 3, values: { done: true } };
  state.show(toggle);
  equal(totals(state), [3, 2, 320, "Errands (3 total, 2 done)", "One of 3 left"]);
  state.show({ action: "update", id: 2, values: { done: true, cents: 1.7 } });
  equal(totals(state), [3, 3, 301, "Errands (3 total, 3 done)", "All done"]);
  state.show({ action: "delete", id: 1, values: {} });
  state.show({ action: "insert", id: 4, values: { done: false, cents: 9 } });
  equal(totals(state), [3, 2, 310, "Errands (3 total, 2 done)", "One of 3 left"]);
  const counted = { all: 3, done: 2, cents: 320, heading: "counted by the server" };
  const version = /** @type {[number, string]} */ ([6, "mark"]);
  state.apply({
    stream: "errands",
    base: [5, "mark"],
    version,
    put: [{ id: 3, done: true, cents: 300 }],
    totals: counted,
  });
  equal(totals(state), [3, 2, 310, "Errands (3 total, 2 done)", "One of 3 left"], "the toggle counts once");
  toggle.version = version;
  state.settleLater(toggle);
  equal(totals(state), [3, 2, 310, "Errands (3 total, 2 done)", "One of 3 left"]);
});

test("totals are the server's again when what was written is taken back", () => {
  const state = stream();
  const write = { action: "delete", id: 3, values: {} };
  state.show(write);
  equal(state.view.totals.all, 2);
  equal(state.snapshot().totals, COUNTED, "what other tabs are given");
  state.settle(write);
  equal(state.view.totals, COUNTED);
});

test("of a list that is known in part only the written rows count, beside what the server has counted", () => {
  const state = stream({ partial: true, errands: ROWS.slice(0, 1), totals: { ...COUNTED, all: 1000 } });
  state.show({ action: "delete", id: 3, values: {} });
  equal(state.view.totals.all, 999);
});
