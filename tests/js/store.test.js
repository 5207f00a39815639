import { watchSyncEffect } from "vue";
import { REMEMBERED, Store } from "/assets/streams/store.js";
import { equal, makeRandom, ok, options, test } from "./harness.js";

const HISTORIES = 60;
const MESSAGES = 200;
const MANY = 100_000;
const ROUNDS = 200;

/** @param {number} id @param {object} [fields] */
function todo(id, fields) {
  return { id, title: `todo ${id}`, completed: false, created_at: stamp(id), ...fields };
}

/** @param {number} second */
function stamp(second) {
  return new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString().replace("Z", "000Z");
}

/** Newest first, as the server orders. @param {Iterable<any>} todos */
function ordered(todos) {
  return [...todos].sort((a, b) =>
    a.created_at === b.created_at ? b.id - a.id : a.created_at < b.created_at ? 1 : -1,
  );
}

/** @param {number} number @param {string} [mark] @returns {[number, string]} */
function at(number, mark = "mark") {
  return [number, mark];
}

/** What a table went through: its rows at each version, and which row each version changed. */
class History {
  /** @param {() => number} random @param {number} length */
  constructor(random, length) {
    this.random = random;
    /** @type {Map<number, any>[]} */
    this.states = [new Map()];
    this.changed = [0];
    for (let version = 1; version <= length; version += 1) this.#change(version);
  }

  get version() {
    return this.states.length - 1;
  }

  /** @param {number} version */
  snapshot(version) {
    return {
      stream: "todos",
      version: at(version),
      todos: ordered(this.states[version].values()),
      totals: { count: this.states[version].size },
    };
  }

  /** @param {number} base @param {number} version */
  delta(base, version) {
    const state = this.states[version];
    const ids = [...new Set(this.changed.slice(base + 1, version + 1))];
    const put = ids.filter((id) => state.has(id)).map((id) => state.get(id));
    return {
      stream: "todos",
      base: at(base),
      version: at(version),
      put,
      del: ids.filter((id) => !state.has(id)),
      totals: { count: state.size },
    };
  }

  /** @param {number} limit */
  pick(limit) {
    return Math.floor(this.random() * limit);
  }

  /** @param {number} version */
  #change(version) {
    const state = new Map(this.states[version - 1]);
    const ids = [...state.keys()];
    const kind = this.random();
    let id = ids[this.pick(ids.length)];
    if (kind < 0.5 || id === undefined) {
      id = version;
      state.set(id, todo(id, { created_at: stamp(this.pick(20)) })); // many are made at the same moment
    } else if (kind < 0.7) {
      state.set(id, { ...state.get(id), completed: !state.get(id).completed });
    } else if (kind < 0.8) {
      state.set(id, { ...state.get(id), created_at: stamp(this.pick(20)) });
    } else {
      state.delete(id);
    }
    this.states.push(state);
    this.changed.push(id);
  }
}

test("whatever arrives, in whatever order, the store holds exactly the newest version that it could reach", () => {
  for (let seed = options.seed; seed < options.seed + HISTORIES; seed += 1) {
    const history = new History(makeRandom(seed), MESSAGES);
    const stream = new Store().stream("todos", "-created_at");
    const known = new Set();
    let held = -1;
    for (let step = 0; step < MESSAGES; step += 1) {
      const version = Math.min(history.version, Math.max(0, held - 3 + history.pick(12)));
      const isSnapshot = history.random() < 0.1;
      const base = history.random() < 0.5 ? Math.min(held, version) : history.pick(version + 1);
      /** @type {any} */
      const message = isSnapshot || base < 0 ? history.snapshot(version) : history.delta(base, version);
      const continues = message.base ? base === held : version > held;
      const expected = known.has(version) ? "old" : continues ? "applied" : "gap";
      Object.freeze(stream.view.items); // those who have it must not see it change
      equal(stream.apply(structuredClone(message)), expected, `seed ${seed}, step ${step}`);
      if (expected === "applied") known.add((held = version));
      equal(stream.version, held < 0 ? null : at(held));
      equal(stream.view.version, held);
      const { todos, totals } = held < 0 ? { todos: [], totals: {} } : history.snapshot(held);
      equal(stream.view.items, todos, `seed ${seed}, step ${step}: rows`);
      equal(stream.view.totals, totals);
      equal(stream.byId.size, todos.length);
    }
  }
});

test("what is shown is the server's rows with what is pending upon them, and what is passed on is the server's", () => {
  for (let seed = options.seed; seed < options.seed + HISTORIES; seed += 1) {
    const history = new History(makeRandom(seed), MESSAGES);
    const store = new Store();
    const stream = store.stream("todos", "-created_at");
    stream.apply(history.snapshot(0));
    /** @type {import("/assets/streams/store.js").PendingWrite[]} */
    let pending = [];
    for (let step = 0; step < MESSAGES; step += 1) {
      const [held] = stream.version ?? [0];
      const where = `seed ${seed}, step ${step}`;
      const kind = history.random();
      if (kind < 0.3) {
        pending.push(store.show("todos", randomWrite(history, held)));
      } else if (kind < 0.5 && pending.length) {
        const write = pending[history.pick(pending.length)];
        store.settleLater(write, kind < 0.4 ? at(Math.min(history.version, held + history.pick(4))) : undefined);
      } else {
        const version = Math.min(history.version, held + 1 + history.pick(3));
        const message = history.random() < 0.2 ? history.snapshot(version) : history.delta(held, version);
        if (version > held) equal(stream.apply(structuredClone(message)), "applied", where);
      }
      const [now] = stream.version ?? [0];
      pending = pending.filter(({ places }) => places.has(stream) && !((places.get(stream)?.[0] ?? now + 1) <= now));
      const rows = new Map(history.states[now]);
      for (const { action, id: key, values } of pending) {
        const id = Number(key);
        const row = rows.get(id);
        if (action === "delete") rows.delete(id);
        else if (action === "insert") rows.set(id, row ?? { ...values, id });
        else if (row) rows.set(id, { ...row, ...values });
      }
      const sorted = (/** @type {any[]} */ list) => list.map((row) => Object.entries(row).sort());
      equal(sorted(stream.view.items), sorted(ordered(rows.values())), `${where}: shown`);
      equal(stream.snapshot().todos, history.snapshot(now).todos, `${where}: passed on`);
      equal(stream.pending.size, new Set(pending.map(({ id }) => id)).size, `${where}: kept`);
    }
  }
});

/** @param {History} history @param {number} held */
function randomWrite(history, held) {
  const ids = [...history.states[held].keys()];
  const kind = history.random();
  const id = ids[history.pick(ids.length)] ?? 1;
  if (kind < 0.3)
    return { action: "insert", id: 1000 + history.pick(1000), values: { title: "new", created_at: stamp(7) } };
  if (kind < 0.5) return { action: "delete", id, values: {} };
  if (kind < 0.8) return { action: "update", id, values: { title: `at ${held}` } };
  return { action: "update", id, values: { created_at: stamp(history.pick(20)) } };
}

test("a snapshot that replaces settles what was answered, whatever numbers it has", () => {
  const history = new History(makeRandom(3), 20);
  const store = new Store();
  const stream = store.stream("todos", "-created_at");
  stream.apply(history.snapshot(9));
  const [answered] = [1001, 1002].map((id) => store.show("todos", { action: "insert", id, values: todo(id) }));
  store.settleLater(answered, at(15));
  stream.apply({ ...history.snapshot(3), version: at(3, "other"), replaces: true });
  equal([...stream.pending.keys()], [1002]);
});

test("a snapshot that replaces is taken whatever number it has, and what was before it is no longer known", () => {
  const stream = new Store().stream("todos", "-created_at");
  const [before, after] = [new History(makeRandom(4), 20), new History(makeRandom(5), 20)];
  stream.apply(before.snapshot(9));
  stream.apply(before.delta(9, 10));
  const back = { ...after.snapshot(3), version: at(3, "other") };
  equal(stream.apply(structuredClone(back)), "gap", "without a word that it replaces nobody can tell");
  equal(stream.apply({ ...structuredClone(back), replaces: true }), "applied");
  equal([stream.version, stream.view.items], [at(3, "other"), back.todos]);
  equal(stream.apply(before.delta(10, 11)), "gap");
  equal(stream.apply(before.delta(9, 10)), "gap");
  equal(stream.apply({ ...before.snapshot(10), replaces: true }), "applied", "and back again");
});

test("a delta of the same numbers and other marks is a gap", () => {
  const history = new History(makeRandom(6), 20);
  const stream = new Store().stream("todos", "-created_at");
  stream.apply(history.snapshot(9));
  stream.apply(history.delta(9, 10));
  for (const [base, version] of [
    [at(10, "other"), at(11, "other")],
    [at(9), at(11, "other")], // put back to what was held, and grown on
    [at(9), at(10, "other")],
    [at(4, "other"), at(5, "other")],
  ]) {
    equal(stream.apply({ ...history.delta(9, 11), base, version }), "gap");
  }
  equal(stream.view.items, history.snapshot(10).todos);
});

test("of the versions that it has held the store remembers the last ones", () => {
  const history = new History(makeRandom(7), REMEMBERED + 1);
  const stream = new Store().stream("todos", "-created_at");
  stream.apply(history.snapshot(0));
  for (let version = 0; version < REMEMBERED; version += 1) stream.apply(history.delta(version, version + 1));
  equal([stream.knows(at(0)), stream.knows(at(1)), stream.known.length], [false, true, REMEMBERED]);
});

test("a snapshot made from a store brings another store to the same state", () => {
  const history = new History(makeRandom(1), 50);
  const [one, other] = [new Store().stream("todos", "-created_at"), new Store()];
  one.apply(history.snapshot(30));
  one.apply(history.delta(30, 50));
  equal(other.apply(structuredClone(one.snapshot())), "applied");
  equal(other.stream("todos", "-created_at").view, one.view);
});

test("a partial snapshot is shown, and only a snapshot that is as new takes its place", () => {
  const history = new History(makeRandom(2), 50);
  const stream = new Store().stream("todos", "-created_at");
  const whole = history.snapshot(40);
  stream.apply({ ...whole, todos: whole.todos.slice(0, 3), partial: true });
  equal([stream.version, stream.view.version, stream.view.items], [null, -1, whole.todos.slice(0, 3)]);
  equal(stream.apply(history.delta(40, 41)), "gap");
  equal(stream.apply(history.snapshot(39)), "old");
  equal(stream.apply(history.snapshot(40)), "applied");
  equal(stream.view.items, whole.todos);
});

test("texts are ordered by code points, as the server orders them", () => {
  const texts = [
    " a",
    "-a",
    "Ab",
    "Z",
    "_",
    "a",
    "aa",
    "z",
    "É",
    "é",
    "\u{ff41}",
    "\u{ffee}",
    "\u{1f95b}",
    "\u{1f95c}",
  ];
  const stream = new Store().stream("notes", "text");
  stream.apply({ stream: "notes", version: at(1), notes: [] });
  const mixed = texts.map((text, id) => ({ id, text })).sort((a, b) => ((a.id * 5) % 14) - ((b.id * 5) % 14));
  for (const [version, note] of mixed.entries()) {
    stream.apply({ stream: "notes", base: at(version + 1), version: at(version + 2), put: [note], del: [] });
  }
  equal(
    stream.view.items.map((note) => note.text),
    texts,
  );
});

test("who holds only a part takes the whole of an older version where it replaces everything, as an answer does", () => {
  const history = new History(makeRandom(2), 50);
  const stream = new Store().stream("todos", "-created_at");
  stream.apply({ ...history.snapshot(40), partial: true });
  equal(stream.apply({ ...history.snapshot(39), replaces: true }), "applied");
  equal(stream.version, at(39));
});

test("a stream may be ordered by another field", () => {
  const stream = new Store().stream("notes", "-rank");
  stream.apply({
    stream: "notes",
    version: at(1),
    notes: [
      { id: 1, rank: 10 },
      { id: 2, rank: 9 },
    ],
  });
  stream.apply({
    stream: "notes",
    base: at(1),
    version: at(2),
    put: [
      { id: 2, rank: 11 },
      { id: 3, rank: 10 },
    ],
    del: [],
  });
  equal(
    stream.view.items.map(({ id }) => id),
    [2, 3, 1],
  );
});

test("streams are kept apart, and a tab tells what it holds of each", () => {
  const store = new Store();
  store.apply({ stream: "todos", version: at(4), todos: [] });
  store.stream("notes", "-rank");
  equal(store.versions(), { todos: { version: at(4), order: "-id" }, notes: { version: null, order: "-rank" } });
});

test("rows that an element asked for before their order was told come into it, once", () => {
  const store = new Store();
  const stream = store.stream("notes");
  const [apple, fig] = [
    { id: 1, text: "apple" },
    { id: 2, text: "fig" },
  ];
  stream.apply({ stream: "notes", version: at(1), notes: [fig, apple] });
  store.stream("notes", "text");
  equal(stream.view.rows, [apple, fig]);
  const pear = { id: 3, text: "pear" };
  stream.apply({ stream: "notes", base: at(1), version: at(2), put: [pear], del: [] });
  store.stream("notes", "-id"); // another tab knows no better
  equal([stream.view.rows, stream.order], [[apple, fig, pear], "text"]);
});

test("who shows the rows is told of each change once, and of nothing else", () => {
  const history = new History(makeRandom(3), 20);
  const stream = new Store().stream("todos", "-created_at");
  let renders = 0;
  watchSyncEffect(() => {
    renders += stream.view.items ? 1 : 0;
  });
  let rowRenders = 0;
  watchSyncEffect(() => {
    rowRenders += stream.view.rows ? 1 : 0;
  });
  stream.apply(history.snapshot(10));
  stream.apply(history.delta(10, 11));
  stream.apply(history.delta(10, 11));
  stream.apply(history.delta(15, 16));
  equal([renders, rowRenders], [3, 3]); // the first, and two changes
  equal(stream.view.rows, stream.view.items);
});

test("a change of one row among a hundred thousand does not copy the list", () => {
  const stream = new Store().stream("todos", "-created_at");
  const todos = Array.from({ length: MANY }, (_, index) => todo(MANY - index));
  stream.apply({ stream: "todos", version: at(0), todos });
  const { rows } = stream.view;
  const time = (/** @type {(version: number) => object} */ delta) => {
    const start = performance.now();
    for (let round = 0; round < ROUNDS; round += 1) {
      const base = stream.version ?? at(-1);
      stream.apply({ stream: "todos", base, version: at(base[0] + 1), put: [], del: [], ...delta(round) });
    }
    return (performance.now() - start) / ROUNDS;
  };
  const numbers = {
    toggle: time((round) => ({ put: [todo(1 + round * 400, { completed: true })] })),
    add: time((round) => ({ put: [todo(MANY + 1 + round)] })),
    addInTheMiddle: time((round) => ({ put: [todo(2 * MANY + round, { created_at: stamp(MANY / 2) })] })),
    delete: time((round) => ({ del: [1 + round * 400] })),
  };
  console.log("ms per change of one row of 100,000, ", JSON.stringify(numbers));
  equal(stream.view.items.length, MANY + ROUNDS);
  ok(Math.max(...Object.values(numbers)) < 20, JSON.stringify(numbers)); // sorting again would take longer
  ok(stream.view.rows === rows, "the list is the same one");
});
