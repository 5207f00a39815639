import { StreamRelay } from "/assets/streams/relay.js";
import { Store } from "/assets/streams/store.js";
import { EventLog } from "/assets/tabs/log.js";
import { equal, makeRandom, ok, options, test } from "./harness.js";

/**
 * A database that is written to, put back and replaced; processes that see it late; a leader on one of them, which
 * changes, and tabs that follow. Whatever is shown under a version is what the table was at that version, at any moment;
 * and when all is quiet everybody shows the table.
 */

const WALKS = 400;
const STEPS = 150;
const QUIET_STEPS = 2000;
const TABS = ["a", "b", "c"];

/** @typedef {[number, string]} Version */
/** @typedef {Map<number, any>} Rows */

/** @param {Version} version */
function key(version) {
  return version.join("-");
}

class Database {
  /** @param {() => number} random */
  constructor(random) {
    this.random = random;
    /** @type {Map<string, Rows>} what the table was at each version of any history */
    this.states = new Map();
    this.marks = 0;
    /** @type {Version[]} */
    this.log = [];
    this.exchange();
  }

  get version() {
    return /** @type {Version} */ (this.log.at(-1));
  }

  write() {
    const rows = new Map(this.states.get(key(this.version)));
    const id = 1 + Math.floor(this.random() * 6);
    if (this.random() < 0.3) rows.delete(id);
    else rows.set(id, { id, title: `${this.marks}` });
    this.#commit(this.version[0] + 1, rows);
  }

  /** An older copy of the same. */
  putBack() {
    this.log.length = 1 + Math.floor(this.random() * this.log.length);
  }

  /** Another one, of any number. */
  exchange() {
    this.log = [];
    this.#commit(Math.floor(this.random() * 12), new Map([[1, { id: 1, title: `of ${this.marks}` }]]));
  }

  /** Forget what is long ago. */
  trim() {
    this.log = this.log.slice(-2);
  }

  /** @param {Version} version */
  hasHeld(version) {
    return this.log.some((other) => key(other) === key(version));
  }

  /** @param {number} number @param {Rows} rows */
  #commit(number, rows) {
    /** @type {Version} */
    const version = [number, `m${this.marks++}`];
    this.log.push(version);
    this.states.set(key(version), rows);
  }
}

/** A process: what `Channel` does, with what it sends to one socket. */
class Process {
  /** @param {Database} database */
  constructor(database) {
    this.database = database;
    this.version = database.version;
    /** @type {((message: any) => void) | null} */
    this.send = null;
  }

  /** See what has been committed. */
  look() {
    const { database, version } = this;
    if (key(version) === key(database.version)) return;
    this.version = database.version;
    this.send?.(database.hasHeld(version) ? this.#delta(version) : { ...this.#snapshot(), replaces: true });
  }

  /** @param {Version | null} version */
  fetch(version) {
    if (version && key(version) === key(this.version)) return this.#delta(version);
    this.look();
    if (version && this.database.hasHeld(version)) return this.#delta(version);
    return { ...this.#snapshot(), replaces: true };
  }

  #snapshot() {
    return {
      stream: "todos",
      version: this.version,
      todos: [...this.#rows(this.version).values()].sort(byId),
      totals: {},
    };
  }

  /** @param {Version} base */
  #delta(base) {
    const [before, after] = [this.#rows(base), this.#rows(this.version)];
    const put = [...after.values()].filter((row) => row !== before.get(row.id));
    const del = [...before.keys()].filter((id) => !after.has(id));
    return { stream: "todos", base, version: this.version, put, del, totals: {} };
  }

  /** @param {Version} version */
  #rows(version) {
    return /** @type {Rows} */ (this.database.states.get(key(version)));
  }
}

/** @param {{ id: number }} a @param {{ id: number }} b */
function byId(a, b) {
  return b.id - a.id;
}

class Browser {
  /** @param {() => number} random @param {typeof Store} StoreOf */
  constructor(random, StoreOf = Store) {
    this.random = random;
    this.database = new Database(random);
    this.processes = [new Process(this.database), new Process(this.database)];
    this.tabs = TABS.map(() => {
      const store = new StoreOf();
      store.stream("todos", "-id");
      return { store, relay: new StreamRelay({ store, log: new EventLog() }), inbox: /** @type {any[]} */ ([]) };
    });
    this.leader = this.tabs[0];
    this.connect();
  }

  /** The leader has a connection, to any process; what was under way by the one before is lost. */
  connect() {
    /** @type {(() => void)[][]} questions, and what the server sends, each in order */
    const ways = [[], []];
    const [up, down] = ways;
    this.ways = ways;
    const process = /** @type {Process} */ (this.pick(this.processes));
    for (const other of this.processes) other.send = null;
    const { leader } = this;
    leader.relay.connected({
      isOpen: () => true,
      request: (event, /** @type {any} */ { version }) => {
        up.push(() => {
          /** @type {(event: string, message: any) => void} */
          const send = (event, message) => {
            const copy = clone(message);
            down.push(() => leader.relay.fromServer(event, copy));
          };
          process.send = (message) => send("todosync_data", message);
          send("todosync_answer", process.fetch(version));
        });
      },
      post: (type, content) => {
        for (const tab of this.tabs) if (tab !== leader) tab.inbox.push({ ...clone(content), type, sender: "leader" });
      },
    });
    for (const tab of this.tabs) if (tab !== leader) this.#join(tab);
  }

  /** Another tab leads. */
  elect() {
    for (const tab of this.tabs) tab.inbox.length = 0;
    this.leader = /** @type {any} */ (this.pick(this.tabs));
    this.connect();
  }

  /** @param {any} tab */
  #join(tab) {
    tab.inbox.length = 0;
    this.leader.inbox.push({ ...clone(tab.relay.versions()), type: "join", sender: "follower", from: tab });
  }

  /** What can happen next of what is under way. @returns {(() => void)[]} */
  pending() {
    const steps = (this.ways ?? []).filter((way) => way.length).map((way) => () => way.shift()?.());
    return [...steps, ...this.tabs.filter((tab) => tab.inbox.length).map((tab) => () => this.#deliver(tab))];
  }

  /** @param {any} tab */
  #deliver(tab) {
    const message = tab.inbox.shift();
    const target = message.sender === "leader" ? this.leader : message.from;
    const sender = message.sender === "leader" ? "follower" : "leader";
    tab.relay.fromTab(message, message.sender, (/** @type {string} */ type, /** @type {any} */ content) =>
      target.inbox.push({ ...clone(content), type, sender, from: tab, to: "it" }),
    );
  }

  check() {
    for (const { store } of this.tabs) {
      const { version, view } = store.stream("todos");
      const rows = version ? this.database.states.get(key(version))?.values() : [];
      equal(view.items, [...(rows ?? [])].sort(byId), `what is shown as ${version}`);
    }
  }

  settle() {
    for (const process of this.processes) process.look();
    for (let step = 0; ; step += 1) {
      const next = this.pick(this.pending());
      if (!next) break;
      ok(step < QUIET_STEPS, "they ask each other for ever");
      next();
      this.check();
    }
    const rows = [.../** @type {Rows} */ (this.database.states.get(key(this.database.version))).values()].sort(byId);
    for (const { store } of this.tabs) equal(store.stream("todos").view.items, rows, "what is shown in the end");
  }

  /** @template T @param {T[]} list */
  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }
}

/** @param {any} message */
function clone(message) {
  return structuredClone(message);
}

/** @param {number} seed @param {typeof Store} [StoreOf] */
function wander(seed, StoreOf) {
  const random = makeRandom(seed);
  const browser = new Browser(random, StoreOf);
  const { database } = browser;
  for (let step = 0; step < STEPS; step += 1) {
    const kind = random();
    if (kind < 0.15) database.write();
    else if (kind < 0.18) database.putBack();
    else if (kind < 0.2) database.exchange();
    else if (kind < 0.21) database.trim();
    else if (kind < 0.23) browser.connect();
    else if (kind < 0.25) browser.elect();
    else if (kind < 0.4) browser.pick(browser.processes)?.look();
    else browser.pick(browser.pending())?.();
    browser.check();
    if (step % 50 === 49) browser.settle();
  }
}

test("whatever becomes of the database, nobody shows anything else under a version than what the table was", () => {
  const until = performance.now() + options.seconds * 1000;
  let seed = options.seed;
  for (; options.seconds ? performance.now() < until : seed < options.seed + WALKS; seed += 1) {
    try {
      wander(seed);
    } catch (error) {
      throw new Error(`SEED=${seed}: ${/** @type {Error} */ (error).message}`, { cause: error });
    }
  }
  console.log(`histories: ${seed - options.seed} walks`);
});

/** A store with one change of its rule, in which the walks must find a fault. @param {(state: any) => void} spoil */
function spoilt(spoil) {
  return class extends Store {
    /** @param {string} name @param {string} [order] */
    stream(name, order) {
      const state = super.stream(name, order);
      spoil(state);
      return state;
    }
  };
}

/** @param {typeof Store} StoreOf */
function findViolation(StoreOf) {
  for (let seed = 1; seed <= WALKS; seed += 1) {
    try {
      wander(seed, StoreOf);
    } catch (error) {
      return /** @type {Error} */ (error).message;
    }
  }
  return "";
}

test("the walks catch a store that looks at numbers only", () => {
  const violation = findViolation(
    spoilt((state) => {
      state.holds = (/** @type {Version} */ version) => version?.[0] === state.version?.[0];
    }),
  );
  ok(/what is shown/.test(violation), violation);
});

test("the walks catch a store that applies a delta to any version that came after its base", () => {
  const violation = findViolation(
    spoilt((state) => {
      const { apply } = Object.getPrototypeOf(state);
      state.apply = (/** @type {any} */ message) => {
        const base = message.base && state.knows(message.base) ? state.version : message.base;
        return apply.call(state, base ? { ...message, base } : message);
      };
    }),
  );
  ok(/what is shown/.test(violation), violation);
});

test("the walks catch a store that never goes back", () => {
  const violation = findViolation(
    spoilt((state) => {
      const { apply } = Object.getPrototypeOf(state);
      state.apply = (/** @type {any} */ message) => apply.call(state, { ...message, replaces: undefined });
    }),
  );
  ok(/in the end|for ever/.test(violation), violation);
});
