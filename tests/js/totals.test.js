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

/**
 * @param {import("/assets/streams/store.js").StreamState} state @param {string} action
 * @param {import("/assets/streams/store.js").RowId} id @param {Record<string, any>} values
 */
function show(state, action, id, values) {
  const write = { action, id, values, places: new Map() };
  state.show(write);
  return write;
}

test("totals and texts show a write at once, and the same when the server has counted it", () => {
  const state = stream();
  equal(totals(state), [3, 1, 320, "Errands (3 total, 1 done)", "2 of 3 left"]);
  const toggle = show(state, "update", 3, { done: true });
  equal(totals(state), [3, 2, 320, "Errands (3 total, 2 done)", "One of 3 left"]);
  show(state, "update", 2, { done: true, cents: 1.7 });
  equal(totals(state), [3, 3, 301, "Errands (3 total, 3 done)", "All done"]);
  show(state, "delete", 1, {});
  show(state, "insert", 4, { done: false, cents: 9 });
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
  state.settleLater(toggle, version);
  equal(totals(state), [3, 2, 310, "Errands (3 total, 2 done)", "One of 3 left"]);
});

test("totals are the server's again when what was written is taken back", () => {
  const state = stream();
  const write = show(state, "delete", 3, {});
  equal(state.view.totals.all, 2);
  equal(state.snapshot().totals, COUNTED, "what other tabs are given");
  state.settle(write, false);
  equal(state.view.totals, COUNTED);
});

test("of a list that is known in part only the written rows count, beside what the server has counted", () => {
  const state = stream({ partial: true, errands: ROWS.slice(0, 1), totals: { ...COUNTED, all: 1000 } });
  show(state, "delete", 3, {});
  equal(state.view.totals.all, 999);
});

test("a sum of decimals is exact, and so is the text that is made of it", () => {
  const state = new Store().stream("expenses", "-price decimal");
  state.declared = {
    totals: {
      spent: { field: "price", is_sum: true, scale: 2 },
      paid: { field: "price", is_sum: false, scale: 2 },
      all: { field: "", is_sum: false, scale: null },
    },
    texts: { left: "{spent - all} left" },
  };
  const expenses = [
    { id: 1, price: "1000000000000.10" },
    { id: 2, price: "0.20" },
    { id: 3, price: "0.00" },
  ];
  const totals = { spent: "1000000000000.30", paid: 2, all: 3, left: "999999999997.30 left" };
  state.apply({ stream: "expenses", version: [5, "mark"], expenses, totals });
  show(state, "insert", 4, { price: "0.7" });
  equal(state.view.totals, { spent: "1000000000001.00", paid: 3, all: 4, left: "999999999997.00 left" });
  show(state, "update", 2, { price: 0 });
  equal(state.view.totals, { spent: "1000000000000.80", paid: 2, all: 4, left: "999999999996.80 left" });
  show(state, "delete", 1, {});
  equal(state.view.totals, { spent: "0.70", paid: 1, all: 3, left: "-2.30 left" });
});

test("rows whose ids are texts are ordered by them, as the server orders UUIDs", () => {
  const state = new Store().stream("notes");
  const notes = ["f0e1", "ab00", "0a00"].map((start) => ({ id: `${start}0000-0000-4000-8000-000000000000` }));
  state.apply({ stream: "notes", version: [5, "mark"], notes: notes.slice(), totals: {} });
  const id = "ab00ffff-0000-4000-8000-000000000000";
  show(state, "insert", id, {});
  show(state, "delete", notes[2].id, {});
  equal(
    state.view.rows.map((row) => row.id),
    [notes[0].id, id, notes[1].id],
  );
});

test("decimals are ordered as numbers, those that the server has yet to see, too", () => {
  const state = new Store().stream("expenses", "price decimal");
  const expenses = ["-7.00", "-0.50", "9.00", "10.00"].map((price, index) => ({ id: index + 1, price }));
  state.apply({ stream: "expenses", version: [5, "mark"], expenses, totals: {} });
  show(state, "insert", 5, { price: "9.5" });
  show(state, "update", 4, { price: -1 });
  show(state, "insert", 6, { price: "9" });
  equal(
    state.view.rows.map(({ id }) => id),
    [1, 4, 2, 3, 6, 5],
  );
});
