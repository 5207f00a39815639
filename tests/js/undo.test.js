import { corrected } from "/assets/writes/entries.js";
import { LIMIT, OwnWrites } from "/assets/writes/undo.js";
import { equal, test } from "./harness.js";

/** A tab: what it has written, and what the person is told. @param {Storage | null} [storage] @param {string} [person] */
function aTab(storage = null, person = "ann") {
  /** @type {any[]} */
  const written = [];
  /** @type {string[]} */
  const told = [];
  /** @type {string[]} */
  const asked = [];
  const own = new OwnWrites({
    write: (...args) => {
      written.push(args);
      return /** @type {any} */ (Promise.resolve({ state: "done" }));
    },
    known: () => ({ fields: ["title", "done"], noun: "todo" }),
    nameNow: () => "",
    askServer: (view) => asked.push(view),
    tell: (sentence) => told.push(sentence),
    person,
    storage,
  });
  return { own, written, told, asked };
}

/** @param {any} [changes] */
const anUpdate = (changes) => ({
  stream: "todos",
  action: "update",
  id: 1,
  set: { title: "b" },
  before: { title: "a" },
  name: "a",
  ...changes,
});

/** @param {any} [outcome] @returns {Promise<any>} */
const decided = (outcome = {}) => Promise.resolve({ sequence: 1, state: "done", ...outcome });
const waiting = new Promise(() => {});
const nextMoment = () => new Promise((resolve) => setTimeout(resolve));

test("each undo takes back the write before, by what it has set and what it has replaced", async () => {
  const { own, written, told } = aTab();
  own.note(anUpdate({ action: "insert", id: 2, set: { title: "x" }, before: {}, name: "x" }), waiting);
  await nextMoment();
  own.note(anUpdate(), waiting);
  await nextMoment();
  own.note(anUpdate({ action: "delete", id: 3, set: {}, before: { title: "z" }, name: "z" }), waiting);
  for (let count = 0; count < 4; count += 1) own.undo();
  equal(written, [
    ["todos", "restore", 3, {}, { shows: { title: "z", id: 3 }, name: "z" }],
    ["todos", "undo", 1, { title: "a" }, { was: { title: "b" }, name: "a" }],
    ["todos", "delete", 2, {}, { was: { title: "x" }, name: "x" }],
  ]);
  equal(told, ["Undone: deleted “z”", "Undone: changed “a”", "Undone: added “x”", "There is nothing to undo"]);
});

test("what was not done is nothing to undo", async () => {
  const { own, written } = aTab();
  for (const state of ["refused", "taken", "dropped"]) own.note(anUpdate(), decided({ state }));
  await Promise.resolve();
  own.undo();
  equal(written, []);
});

test("what a rule has stored otherwise, and what somebody else had set before, counts", async () => {
  const { own, written } = aTab();
  own.note(anUpdate({ action: "insert", set: { title: " x " } }), decided({ stored: { title: "x" } }), { done: false });
  await nextMoment();
  own.note(anUpdate(), decided({ conflicts: { title: "theirs" } }));
  await Promise.resolve();
  own.undo();
  own.undo();
  equal(written[0].slice(3), [{ title: "theirs" }, { was: { title: "b" }, name: "a" }]);
  equal(written[1].slice(3), [{}, { was: { done: false, title: "x" }, name: "a" }]);
});

test("a verb is undone by the fields that it shows, if these can be written, else the person is told", async () => {
  const { own, written, told } = aTab();
  own.note(anUpdate({ action: "archive_it", set: { archived: true }, before: { archived: false } }), waiting);
  await nextMoment();
  own.note(anUpdate({ action: "finish", set: { done: true }, before: { done: false } }), waiting);
  own.undo();
  own.undo();
  equal(written, [["todos", "undo", 1, { done: false }, { was: { done: true }, name: "a" }]]);
  equal(told, ["Undone: finish “a”", "“archive it” of “a” cannot be undone"]);
});

test("what handlers of the page have written is asked of the server, in the order in which all was done", async () => {
  const { own, written, asked } = aTab();
  own.note(anUpdate(), waiting);
  await nextMoment();
  own.noteOfServer("todos[7]");
  own.undo();
  equal([written.length, asked], [0, ["todos[7]"]]);
  own.undo();
  equal([written.length, asked], [1, ["todos[7]"]]);
});

test("only the last moments are remembered, each with all that was written in it", async () => {
  const { own, written } = aTab();
  for (let id = 0; id < LIMIT; id += 1) {
    own.note(anUpdate({ id }), waiting);
    await Promise.resolve();
  }
  for (let id = LIMIT; id < 3 * LIMIT; id += 1) own.note(anUpdate({ id }), waiting);
  for (let count = 0; count <= LIMIT; count += 1) own.undo();
  equal([written.length, written[2 * LIMIT - 1][2], written.at(-1)[2]], [3 * LIMIT - 1, LIMIT, 1]);
});

test("what was written in one moment is taken back at once, the last first, and told in one sentence", async () => {
  const { own, written, told } = aTab();
  own.note(anUpdate(), waiting);
  await nextMoment();
  for (const id of [2, 3, 4]) own.note(anUpdate({ id }), waiting);
  own.undo();
  equal([written.map(([, , id]) => id), told], [[4, 3, 2], ["Undone: 3 changes"]]);
  own.undo();
  equal(written.at(-1)[2], 1);
});

test("the next load of the page can undo what this one has written, without what its handlers have", async () => {
  const { own } = aTab(sessionStorage);
  own.note(anUpdate(), waiting);
  await nextMoment();
  own.noteOfServer("todos");
  own.keep();
  const next = aTab(sessionStorage);
  next.own.undo();
  next.own.undo();
  equal([next.written.length, next.asked], [1, []]);
  equal([...aTab(sessionStorage).own.list], []);
  own.keep();
  equal([...aTab(sessionStorage, "bob").own.list], []);
  equal([...aTab(sessionStorage).own.list], [], "nothing is left of a person who has gone");
});

test("what waits says what is stored, where a rule has changed what was sent", () => {
  /** @type {(sequence: number, more: any) => any} */
  const entry = (sequence, more) => ({ sequence, stream: "todos", id: 1, values: {}, was: {}, shows: {}, ...more });
  const insert = entry(1, { values: { title: " a " }, shows: { title: " a ", done: false } });
  const back = entry(2, { was: { title: " a ", done: false } });
  const others = [entry(3, { id: 2, was: { title: " a " } }), entry(4, { was: { title: "b" } })];
  equal(corrected([insert, back, ...others], [insert], [{ sequence: 1, state: "done", stored: { title: "a" } }]), [
    { ...back, was: { title: "a", done: false } },
  ]);
});
