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
    isOpen: () => true,
    /** @param {string} type @param {any} content */
    post: (type, content) => said.push(["all", type, ...held(content)]),
  };
  /** The server's answer to a question. @param {any} content */
  const answer = (content) => relay.fromServer("todosync_answer", content);
  /** @param {string} type @param {any} content */
  const reply = (type, content) =>
    said.push(["reply", type, ...("payload" in content ? held(content) : [content.version])]);
  return { relay, store, said, line, reply, answer };
}

/** @param {any} content */
function held({ payload }) {
  return payload.replaces ? [payload.version, "replaces"] : [payload.version];
}

/** @param {number} number @param {string} [mark] @returns {[number, string]} */
function at(number, mark = "mark") {
  return [number, mark];
}

/** @param {number} version */
function snapshot(version) {
  return { stream: "todos", version: at(version), todos: [{ id: 1 }], totals: {} };
}

/** @param {number} base @param {number} version */
function delta(base, version) {
  return { stream: "todos", base: at(base), version: at(version), put: [{ id: version }], del: [], totals: {} };
}

/** @param {string} type @param {any} content */
function message(type, content) {
  return { type, from: "a", ...content };
}

test("a tab with a connection of its own asks for what it lacks, and passes on what it gets", () => {
  const { relay, store, said, line, answer } = makeRelay();
  relay.connected(line);
  answer(delta(3, 4));
  equal(relay.fromServer("todosync_data", delta(4, 5)), true, "taken");
  equal(relay.fromServer("update", {}), false, "of another's event");
  equal(said, [
    ["server", "todosync_fetch", "todos", at(3)],
    ["all", "data", at(4)],
    ["all", "data", at(5)],
  ]);
  equal(store.stream("todos").version, at(5));
});

test("what comes before the answer is part of it, and asks for nothing more", () => {
  const { relay, store, said, line, answer } = makeRelay();
  relay.connected(line);
  for (const base of [4, 5]) relay.fromServer("todosync_data", delta(base, base + 1));
  equal(store.stream("todos").version, at(3));
  answer(delta(3, 6));
  relay.fromServer("todosync_data", delta(6, 7));
  equal(said, [
    ["server", "todosync_fetch", "todos", at(3)],
    ["all", "data", at(6)],
    ["all", "data", at(7)],
  ]);
});

test("a gap after the answer is asked about", () => {
  const { relay, said, line, answer } = makeRelay();
  relay.connected(line);
  answer(delta(3, 5));
  relay.fromServer("todosync_data", delta(7, 8));
  equal(said.at(-1), ["server", "todosync_fetch", "todos", at(5)]);
});

test("a connection that is lost with a question open does not keep the next one from asking", () => {
  const { relay, said, line } = makeRelay();
  relay.connected(line);
  relay.connected(line);
  equal(said.length, 2);
});

test("a snapshot that replaces leads back, and is passed on as one", () => {
  const { relay, store, said, line, answer } = makeRelay();
  relay.connected(line);
  answer({ ...snapshot(2), version: at(2, "other"), replaces: true });
  equal(store.stream("todos").version, at(2, "other"));
  equal(said.at(-1), ["all", "data", at(2, "other"), "replaces"]);
});

test("a follower takes what its leader sends, and asks it once where it has a gap", () => {
  const { relay, store, said, reply } = makeRelay();
  relay.fromTab(message("data", { payload: delta(3, 4) }), "leader", reply);
  relay.fromTab(message("data", { payload: delta(7, 8) }), "leader", reply);
  relay.fromTab(message("data", { payload: delta(8, 9) }), "leader", reply);
  equal(store.stream("todos").version, at(4));
  equal(said, [["reply", "ask", at(4)]]);
  relay.fromTab(message("data", { to: "b", payload: snapshot(9) }), "leader", reply);
  relay.fromTab(message("data", { payload: delta(12, 13) }), "leader", reply);
  equal(said.slice(1), [["reply", "ask", at(9)]]);
});

test("a leader takes no rows from another tab, such as one that has led before", () => {
  const { relay, store, said, line, reply } = makeRelay();
  relay.connected(line);
  said.length = 0;
  relay.fromTab(message("data", { payload: snapshot(9) }), "follower", reply);
  equal(store.stream("todos").version, at(3));
  equal(said, []);
});

test("a leader answers a question from what it holds, and of what it does not know asks the server first", () => {
  const { relay, said, line, reply, answer } = makeRelay();
  relay.connected(line);
  answer(delta(3, 4));
  said.length = 0;
  /** @param {any} version */
  const ask = (version) => relay.fromTab(message("ask", { stream: "todos", version }), "follower", reply);
  ask(at(3));
  ask(null);
  ask(at(6));
  ask(at(9, "other"));
  answer(delta(4, 6));
  equal(said, [
    ["reply", "data", at(4)],
    ["reply", "data", at(4), "replaces"],
    ["server", "todosync_fetch", "todos", at(4)],
    ["all", "data", at(6)],
    ["reply", "data", at(6), "replaces"], // and none for who was ahead
  ]);
});

test("a leader whose page has no list gets for its followers what they show", () => {
  const { relay, said, line, reply, answer } = makeRelay({ holds: false });
  relay.connected(line);
  const { streams } = makeRelay().relay.versions();
  relay.fromTab(message("join", { streams }), "follower", reply);
  answer({ ...snapshot(4), replaces: true });
  relay.fromTab(message("join", { streams: { todos: { version: null, order: "-id" } } }), "follower", reply);
  equal(said, [
    ["server", "todosync_fetch", "todos", null],
    ["all", "data", at(4), "replaces"],
    ["reply", "data", at(4), "replaces"],
    ["reply", "data", at(4), "replaces"],
  ]);
});

test("a follower without streams joins a leader that has some, and the other way round", () => {
  const { relay, said, line, reply } = makeRelay();
  relay.connected(line);
  said.length = 0;
  relay.fromTab(message("join", {}), "follower", reply);
  equal(said, []);
});
