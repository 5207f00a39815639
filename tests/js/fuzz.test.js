/** Whatever is posted on the channel, by whomever: nothing raises, and the tabs go on. */

import { StreamRelay } from "/assets/streams/relay.js";
import { Store } from "/assets/streams/store.js";
import { EventLog } from "/assets/tabs/log.js";
import { CHANNEL, LOCK, TAB_LOCK } from "/assets/tabs/messages.js";
import { equal, makeRandom, ok, options, test } from "./harness.js";
import { RelayWorld } from "./relay.js";

const TABS = ["a", "b", "c"]; // the first leads, in term 1
const RECOVERY_MS = 40_000; // silence, a question, a steal, a join, and a ping that is answered
const MIXTURES = 300;
const circular = /** @type {any} */ ({});
circular.self = circular;

const STRANGE = [
  ...[undefined, null, true, NaN, Infinity, -Infinity, -1, 0, 1.5, 1e9, 2 ** 52, 2 ** 53, 2 ** 60, 10n],
  ...["", "A", "ghost", "__proto__", "constructor", "connect", "todosync_hello", "x".repeat(100_000)],
  ...[[], [null], [[]], {}, { length: 2 }, { id: 1 }, { __proto__: { number: 1 } }, circular],
  ...[new Date(NaN), new Map([[1, 2]]), new Set(), new Uint8Array(4), new Error("odd"), /odd/],
];

const MESSAGE = { session: "session", opened: null };
const FROM_LEADER = { ...MESSAGE, from: "a", to: "b", term: 1 };
const FROM_FOLLOWER = { ...MESSAGE, from: "b", to: "a" };
const QUERY = { client_id: "client of b", document_id: "document", tab_id: "tab", next_message_id: 0, link_number: 1 };
const FRAME = { number: 9, event: "event", data: { client_id: "client of b", args: 9 } };
const ROWS = { stream: "todos", version: [5, "mark"], todos: [{ id: 1 }], totals: {} };

/** @type {Record<string, any>[]} one of each, as a tab would post it */
const MESSAGES = [
  { ...FROM_FOLLOWER, to: undefined, type: "discover" },
  { ...FROM_LEADER, to: undefined, type: "ping", beat: 0, heard: 0, link: 1, connected: true },
  { ...FROM_LEADER, to: undefined, type: "bye", heir: "b" },
  {
    ...FROM_FOLLOWER,
    type: "join",
    query: QUERY,
    lock: "b:1",
    streams: { todos: { version: [1, "mark"], order: "-id" } },
  },
  { ...FROM_LEADER, type: "joined", ok: true, received: 0 },
  { ...FROM_LEADER, type: "joined", ok: false, reason: "overtaken" },
  { ...FROM_FOLLOWER, type: "here" },
  { ...FROM_FOLLOWER, type: "leave", clientId: "client of b" },
  { ...FROM_FOLLOWER, type: "up", clientId: "client of b", documentId: "document", frame: FRAME },
  { ...FROM_LEADER, type: "ack", received: 0 },
  { ...FROM_LEADER, type: "rejoin" },
  { ...FROM_FOLLOWER, type: "post", event: "ack", args: [{}], question: 1 },
  { ...FROM_LEADER, type: "answer", question: 1, args: [1] },
  { ...FROM_LEADER, type: "down", event: "update", args: [{}], question: 1 },
  { ...FROM_FOLLOWER, type: "reply", question: 1, args: [1] },
  { ...FROM_FOLLOWER, type: "ask", stream: "todos", version: [1, "mark"] },
  { ...FROM_LEADER, type: "data", payload: ROWS },
  {
    ...FROM_LEADER,
    type: "data",
    payload: { stream: "todos", base: [3, "mark"], version: [6, "mark"], put: [{ id: 2 }], del: [1] },
  },
];

/** @param {boolean} locks */
function browser(locks) {
  const world = new RelayWorld(locks);
  for (const id of TABS) {
    const tab = world.open(id);
    const store = new Store();
    store.stream("todos", "-id").apply({ stream: "todos", version: [3, "mark"], todos: [{ id: 1 }] });
    tab.tab?.relays.push(new StreamRelay({ store, log: new EventLog() }));
    world.settle(1500);
  }
  world.checkAllDone();
  return world;
}

/** @param {RelayWorld} world @param {any} data */
function postToAll(world, data) {
  for (const tab of world.running) tab.receive(data);
}

/** Each person does something, the leader crashes, each does something: all of it is done. @param {RelayWorld} world */
function checkThatAllGoesOn(world) {
  const act = () => world.running.forEach(({ id }) => world.perform(`act ${id}`));
  world.settle(RECOVERY_MS);
  act();
  world.settle(RECOVERY_MS);
  world.checkAllDone();
  world.perform(`crash ${world.leaders[0].id}`);
  act();
  world.settle(RECOVERY_MS);
  world.checkAllDone();
}

/** @param {any} message @param {string[]} path @param {any} value @returns {any} a copy with a part exchanged */
function exchange(message, [name, ...rest], value) {
  return { ...message, [name]: rest.length ? exchange(message[name], rest, value) : value };
}

/** The parts of a message, and those of its parts. @param {any} message @returns {string[][]} */
function paths(message) {
  return Object.entries(message).flatMap(([name, value]) => {
    const isPart = typeof value === "object" && value !== null && !Array.isArray(value);
    return [[name], ...(isPart ? paths(value).map((path) => [name, ...path]) : [])];
  });
}

/** @param {unknown} value */
function describe(value) {
  try {
    return String(JSON.stringify(value)).slice(0, 60);
  } catch {
    return String(value);
  }
}

/** @param {boolean} locks */
function postStrangeParts(locks) {
  for (const message of MESSAGES) {
    for (const path of paths(message)) {
      const world = browser(locks);
      let value;
      try {
        for (value of STRANGE) {
          postToAll(world, exchange(message, path, value));
          world.settle(100);
        }
        checkThatAllGoesOn(world);
      } catch (error) {
        const { stack } = /** @type {Error} */ (error);
        throw new Error(`${message.type}.${path.join(".")}, at last ${describe(value)}: ${stack}`, { cause: error });
      }
    }
  }
}

/** @param {boolean} locks */
function postStrangeValues(locks) {
  const world = browser(locks);
  for (const value of STRANGE) postToAll(world, value);
  checkThatAllGoesOn(world);
}

/** @param {boolean} locks */
function postMixtures(locks) {
  for (let seed = options.seed; seed < options.seed + MIXTURES; seed += 1) {
    const random = makeRandom(seed);
    const pick = (/** @type {any[]} */ list) => list[Math.floor(random() * list.length)];
    const world = browser(locks);
    try {
      for (let count = 0; count < 20; count += 1) {
        const mixed = { ...pick(MESSAGES), type: pick(MESSAGES).type };
        pick(world.running).receive(exchange(mixed, pick(paths(mixed)), pick(STRANGE)));
        world.settle(random() * 500);
      }
      checkThatAllGoesOn(world);
    } catch (error) {
      throw new Error(`SEED=${seed}: ${/** @type {Error} */ (error).stack}`, { cause: error });
    }
  }
}

test("a message of which any part is strange neither raises nor stops the tabs, with locks", () =>
  postStrangeParts(true));

test("a message of which any part is strange neither raises nor stops the tabs, without locks", () =>
  postStrangeParts(false));

test("what is no message at all is left out", () => [true, false].forEach(postStrangeValues));

test("mixtures of messages neither raise nor stop the tabs, with locks", () => postMixtures(true));

test("mixtures of messages neither raise nor stop the tabs, without locks", () => postMixtures(false));

test("the names by which tabs find each other carry the protocol's number", () => {
  const numbers = [CHANNEL, LOCK, TAB_LOCK].map((name) => /^todosync-(\d+)\b/.exec(name)?.[1]);
  ok(numbers[0], `no number in ${CHANNEL}`);
  equal(new Set(numbers).size, 1, "numbers");
});
