import { StreamRelay } from "/assets/streams/relay.js";
import { Store } from "/assets/streams/store.js";
import { EventLog } from "/assets/tabs/log.js";
import { equal, test } from "./harness.js";

/** A relay that holds version 3 of `todos`, or nothing, and what it has said. */
function makeRelay({ holds = true } = {}) {
  const store = new Store();
  const relay = new StreamRelay({ store, log: new EventLog() });
  if (holds) store.stream("todos", "-id").apply(snapshot(3));
  /** @type {any[]} */
  const said = [];
  const line = {
    /** @param {string} event @param {any} data */
    request: (event, data) => said.push(["server", event, data.stream, data.version]),
    /** @param {string} type @param {any} content */
    post: (type, content) => said.push(["all", type, content.payload.version]),
  };
  /** @param {string} type @param {any} content */
  const reply = (type, content) => said.push(["reply", type, content.version ?? content.payload.version]);
  return { relay, store, said, line, reply };
}

/** @param {number} version */
function snapshot(version) {
  return { stream: "todos", version, todos: [{ id: 1 }], totals: {} };
}

/** @param {number} base @param {number} version */
function delta(base, version) {
  return { stream: "todos", base, version, put: [{ id: version }], del: [], totals: {} };
}

/** @param {string} type @param {any} content */
function message(type, content) {
  return { type, from: "a", ...content };
}

test("a tab with a connection of its own asks for what it lacks, and passes on what it gets", () => {
  const { relay, store, said, line } = makeRelay();
  relay.connected(line);
  equal(relay.fromServer("todosync_data", delta(3, 4)), true, "taken");
  equal(relay.fromServer("update", {}), false, "of another's event");
  equal(said, [
    ["server", "todosync_fetch", "todos", 3],
    ["all", "data", 4],
  ]);
  equal(store.stream("todos").version, 4);
});

test("a follower takes what its leader sends, and asks it where it has a gap", () => {
  const { relay, store, said, reply } = makeRelay();
  relay.fromTab(message("data", { payload: delta(3, 4) }), "leader", reply);
  relay.fromTab(message("data", { payload: delta(7, 8) }), "leader", reply);
  equal(store.stream("todos").version, 4);
  equal(said, [["reply", "ask", 4]]);
});

test("a leader takes no rows from another tab, such as one that has led before", () => {
  const { relay, store, said, line, reply } = makeRelay();
  relay.connected(line);
  said.length = 0;
  relay.fromTab(message("data", { payload: snapshot(9) }), "follower", reply);
  equal(store.stream("todos").version, 3);
  equal(said, []);
});

test("a leader answers a question from what it holds, or asks the server", () => {
  const { relay, said, line, reply } = makeRelay();
  relay.connected(line);
  said.length = 0;
  relay.fromTab(message("ask", { stream: "todos", version: 2 }), "follower", reply);
  relay.fromTab(message("ask", { stream: "todos", version: 3 }), "follower", reply);
  equal(said, [
    ["reply", "data", 3],
    ["server", "todosync_fetch", "todos", 3],
  ]);
});

test("a leader whose page has no list gets for its followers what they show", () => {
  const { relay, said, line, reply } = makeRelay({ holds: false });
  relay.connected(line);
  const { streams } = makeRelay().relay.versions();
  relay.fromTab(message("join", { streams }), "follower", reply);
  relay.fromServer("todosync_data", snapshot(4));
  relay.fromTab(message("join", { streams }), "follower", reply);
  equal(said, [
    ["server", "todosync_fetch", "todos", null],
    ["all", "data", 4],
    ["reply", "data", 4],
  ]);
});

test("a follower without streams joins a leader that has some, and the other way round", () => {
  const { relay, said, line, reply } = makeRelay();
  relay.connected(line);
  said.length = 0;
  relay.fromTab(message("join", {}), "follower", reply);
  equal(said, []);
});
