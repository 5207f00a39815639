import { Outbox } from "/assets/writes/outbox.js";
import { BATCH } from "/assets/writes/sender.js";
import { SIZE_LIMIT } from "/assets/writes/entries.js";
import { Queue } from "/assets/writes/queue.js";
import { RowIds } from "/assets/writes/row_ids.js";
import { Store } from "/assets/streams/store.js";
import { equal, ok, test } from "./harness.js";

/** @typedef {import("/assets/writes/entries.js").Outcome} Outcome */
/** @typedef {{ event: string, data: any, answer: (answer: any) => void }} Request */

let databases = 0;

/** Tabs of a browser: the first leads, and the messages between them arrive at once. */
class Browser {
  constructor() {
    this.name = `queue ${(databases += 1)}`;
    /** @type {BrowserTab[]} */
    this.tabs = [];
    /** @type {Request[]} what the leader has asked the server */
    this.requests = [];
    this.isConnected = false;
  }

  /** @param {string} id @param {string} [person] */
  async open(id, person) {
    const tab = new BrowserTab(this, id, person);
    this.tabs.push(tab);
    await tab.outbox.opening;
    return tab;
  }

  /** The leader is connected to the server. */
  connect() {
    const [leader, ...followers] = this.tabs;
    leader.tab.carrier = { term: 1, carried: new Map(followers.map(({ id }) => [id, {}])) };
    this.isConnected = true;
    leader.outbox.connected({
      request: (event, data, answer) => this.requests.push({ event, data, answer }),
      post: () => {},
      isOpen: () => this.isConnected,
    });
  }

  /** The next request, as soon as there is one. @returns {Promise<Request>} */
  async request() {
    await until(() => this.requests.length > 0);
    return /** @type {Request} */ (this.requests.shift());
  }

  /** Have the server answer the next request: everything is done. @param {Partial<Outcome>} [outcome] */
  async decide(outcome = {}) {
    const { data, answer } = await this.request();
    const outcomes = data.writes.map((/** @type {any} */ { sequence }) => ({
      sequence,
      state: "done",
      version: [1, "mark"],
      ...outcome,
    }));
    answer({ ok: true, outcomes });
    return data;
  }
}

class BrowserTab {
  /** @param {Browser} browser @param {string} id @param {string} [person] */
  constructor(browser, id, person) {
    this.id = id;
    this.store = new Store();
    this.store.stream("todos").apply({ stream: "todos", version: [0, "mark"], todos: [] });
    /** @type {any[]} */
    this.told = [];
    this.tab = {
      id,
      carrier: /** @type {any} */ (null),
      election: { leader: { id: "a" } },
      post: (/** @type {any} */ message) => {
        const [leader, ...followers] = browser.tabs;
        const isLeader = leader === this;
        const sender = isLeader ? "leader" : "follower";
        for (const { outbox } of isLeader ? followers : [leader]) {
          outbox.fromTab({ from: id, ...structuredClone(message) }, sender);
        }
      },
    };
    this.queue = new Queue(browser.name + (person ?? ""));
    const ids = new RowIds(Date.now());
    this.outbox = new Outbox({
      queue: this.queue,
      person,
      store: this.store,
      tab: /** @type {any} */ (this.tab),
      makeRowId: (like) => (typeof like === "string" ? ids.makeUuid() : ids.make()),
      explain: ({ action }, { state }) => this.told.push([action, state]),
      onRead: (sequences) => this.told.push(["read", sequences.length]),
      onOther: (error) => this.told.push(["other", error]),
    });
  }

  get titles() {
    return this.store.stream("todos").view.rows.map(({ title }) => title);
  }

  /** @param {number} id @param {string} title */
  add(id, title) {
    return this.outbox.write("todos", "insert", id, { title });
  }
}

/** @param {() => unknown} condition */
async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve));
}

async function twoTabs() {
  const browser = new Browser();
  const [leader, follower] = [await browser.open("a"), await browser.open("b")];
  return { browser, leader, follower };
}

test("a write shows at once, in all tabs before the server has heard of it, and is sent in the order of all tabs", async () => {
  const { browser, leader, follower } = await twoTabs();
  browser.connect();
  follower.add(1, "one");
  equal(follower.titles, ["one"]);
  await until(() => leader.titles.length);
  leader.add(2, "two");
  await until(() => follower.titles.length === 2);
  follower.outbox.write("todos", "update", 2, { title: "second" });
  await until(() => leader.titles.includes("second"));
  const first = await browser.decide();
  const rest = await browser.decide();
  equal(
    first.writes.map((/** @type {any} */ { id }) => id),
    [1],
  );
  equal(
    rest.writes.map((/** @type {any} */ { action, id }) => [action, id]),
    [
      ["insert", 2],
      ["update", 2],
    ],
  );
});

test("what a tab has kept as it ended is shown and sent", async () => {
  const { browser, leader, follower } = await twoTabs();
  browser.connect();
  follower.tab.post = () => {}; // it ends before it has told of its write
  await follower.add(1, "one").kept;
  leader.outbox.fromTab(/** @type {any} */ ({ type: "leave", from: "b" }), "follower");
  const { writes } = await browser.decide();
  equal(
    writes.map((/** @type {any} */ { id }) => id),
    [1],
  );
  equal(leader.titles, ["one"]);
});

test("it is shown until the rows have come that hold it, and then it is the server's", async () => {
  const { browser, leader, follower } = await twoTabs();
  browser.connect();
  const written = follower.add(1, "one");
  await browser.decide();
  equal((await written).state, "done");
  await until(async () => (await leader.queue.entries()).length === 0);
  equal([leader.titles, follower.titles], [["one"], ["one"]]);
  for (const { store } of browser.tabs) {
    store.apply({ stream: "todos", base: [0, "mark"], version: [1, "mark"], put: [{ id: 1, title: "one, tidied" }] });
  }
  equal([leader.titles, follower.titles], [["one, tidied"], ["one, tidied"]]);
});

test("what is refused is taken back in all tabs, and its author is told", async () => {
  const { browser, leader, follower } = await twoTabs();
  browser.connect();
  const written = follower.add(1, "one");
  await until(() => leader.titles.length);
  await browser.decide({ state: "refused", errors: ["No"], version: undefined });
  equal((await written).errors, ["No"]);
  equal([leader.titles, follower.titles], [[], []]);
  equal([leader.told, follower.told], [[], [["insert", "refused"]]]);
});

test("an author whose tab is gone is told by the leader", async () => {
  const { browser, leader, follower } = await twoTabs();
  follower.add(1, "one");
  await until(() => leader.titles.length);
  browser.tabs.pop();
  browser.connect();
  await browser.decide({ state: "refused", errors: ["No"] });
  await until(() => leader.told.length);
  equal(leader.told, [["insert", "refused"]]);
});

test("a connection that ends before the answer has what was sent sent again", async () => {
  const { browser, leader } = await twoTabs();
  browser.connect();
  leader.add(1, "one");
  const { data: lost } = await browser.request();
  browser.connect();
  const { data: again } = await browser.request();
  equal(again, lost);
});

test("while the server cannot write, it is asked again, and nothing is taken back", async () => {
  const { browser, leader } = await twoTabs();
  browser.connect();
  leader.add(1, "one");
  (await browser.request()).answer({ ok: false, reason: "unavailable" });
  equal(leader.titles, ["one"]);
  equal((await browser.decide()).writes.length, 1);
});

test("a queue that the server knows by other writes goes on as another one", async () => {
  const { browser, leader } = await twoTabs();
  browser.connect();
  leader.add(1, "one");
  const { data, answer } = await browser.request();
  answer({ ok: false, reason: "queue" });
  const again = await browser.decide();
  ok(again.queue !== data.queue, "another id");
  equal(again.writes, data.writes);
});

test("a write that the server does not understand keeps no other from being sent", () => oneByOne("malformed"));
test("a write that the server cannot do keeps no other from being sent", () => oneByOne("failed"));
test("a write at which the server's handler fails keeps no other from being sent", () => oneByOne(undefined));

/** @param {string | undefined} reason */
async function oneByOne(reason) {
  const { browser, leader } = await twoTabs();
  leader.add(1, "one");
  leader.add(2, "two");
  await until(async () => (await leader.queue.entries()).length === 2);
  browser.connect();
  (await browser.request()).answer({ ok: false, reason });
  const { data, answer } = await browser.request();
  equal(data.writes.length, 1, "one by one, to find which");
  answer({ ok: false, reason });
  equal(
    (await browser.decide()).writes.map((/** @type {any} */ { id }) => id),
    [2],
  );
  equal(leader.told[0], ["insert", "refused"]);
}

test("what the browser has no room for, and what is too long, is taken back and told, and nothing else", async () => {
  const { browser, leader } = await twoTabs();
  browser.connect();
  const { add } = leader.queue;
  leader.queue.add = () => Promise.reject(new DOMException("full", "QuotaExceededError"));
  equal((await leader.add(1, "one")).errors, ["This browser has no room to keep the change"]);
  leader.queue.add = add;
  equal((await leader.add(2, "x".repeat(SIZE_LIMIT))).errors, ["This is too long to be sent"]);
  leader.add(3, "three");
  equal(
    (await browser.decide()).writes.map((/** @type {any} */ { id }) => id),
    [3],
  );
  equal(
    [leader.titles, leader.told.slice(0, 2)],
    [
      ["three"],
      [
        ["insert", "refused"],
        ["insert", "refused"],
      ],
    ],
  );
});

test("a row whose id is taken gets another one, and what waits for it goes with it, in its order", async () => {
  const { browser, leader } = await twoTabs();
  leader.add(1, "one");
  leader.outbox.write("todos", "update", 1, { title: "first" });
  leader.add(2, "two");
  await until(async () => (await leader.queue.entries()).length === 3);
  browser.connect();
  const { data, answer } = await browser.request();
  leader.outbox.write("todos", "delete", 1, {});
  await until(async () => (await leader.queue.entries()).length === 4);
  const states = ["taken", "taken", "done"];
  answer({
    ok: true,
    outcomes: data.writes.map((/** @type {any} */ { sequence }, /** @type {number} */ index) => ({
      ...{ sequence, state: states[index], version: [1, "mark"] },
    })),
  });
  const { writes } = await browser.decide();
  equal(
    writes.map((/** @type {any} */ { action }) => action),
    ["insert", "update", "delete"],
  );
  equal(new Set(writes.map((/** @type {any} */ { id }) => id)).size, 1);
  ok(writes[0].id !== 1, "another id");
});

test("such a row goes on to be shown in all tabs, and its author is told what becomes of it", async () => {
  const { browser, leader, follower } = await twoTabs();
  const written = follower.add(1, "one");
  await until(() => leader.titles.length);
  browser.connect();
  await browser.decide({ state: "taken", version: undefined });
  const again = await browser.request();
  equal([leader.titles, follower.titles], [["one"], ["one"]]);
  again.answer({ ok: true, outcomes: [{ sequence: again.data.writes[0].sequence, state: "refused", errors: ["No"] }] });
  equal((await written).errors, ["No"]);
  equal([leader.titles, follower.titles, follower.told], [[], [], [["insert", "refused"]]]);
});

test("what the leader before has decided last, and told nobody, is shown by no tab", async () => {
  const { browser, leader, follower } = await twoTabs();
  await leader.add(1, "one").kept;
  const [{ sequence }] = await leader.queue.entries();
  follower.outbox.versions();
  await until(() => follower.titles.length);
  await leader.queue.remove([sequence]);
  browser.connect();
  await until(() => !leader.titles.length && !follower.titles.length);
});

test("a new leader, or the browser's next start, sends what waits, no more than fits", async () => {
  const { browser, leader, follower } = await twoTabs();
  for (let id = 1; id <= BATCH + 5; id += 1) follower.add(id, `todo ${id}`);
  await until(async () => (await leader.queue.entries()).length === BATCH + 5);
  browser.tabs.shift();
  browser.connect();
  const batches = [await browser.decide(), await browser.decide()];
  equal(
    batches.map(({ writes }) => writes.length),
    [BATCH, 5],
  );
  equal(batches[1].confirmed, batches[0].writes.at(-1).sequence, "so that the server can forget the outcomes");
  const reopened = await browser.open("c");
  await until(() => reopened.titles.length === 0);
});

test("a page that is loaded shows what waits, and a tab that has missed an outcome finds out when it joins", async () => {
  const { browser, leader } = await twoTabs();
  leader.add(1, "one");
  await until(async () => (await leader.queue.entries()).length === 1);
  const late = await browser.open("c");
  equal(late.titles, ["one"]);
  browser.tabs.pop(); // it is frozen, and hears nothing
  browser.connect();
  await browser.decide();
  await until(async () => (await leader.queue.entries()).length === 0);
  equal(late.titles, ["one"]);
  late.outbox.versions();
  await until(() => late.titles.length === 0);
});

test("what was deleted is put back as it was, wherever the server is meanwhile, and a tab knows whether it is kept", async () => {
  const { browser, leader, follower } = await twoTabs();
  const row = { id: 1, title: "one", completed: true };
  for (const { store } of browser.tabs) {
    store.apply({ stream: "todos", base: [0, "mark"], version: [1, "mark"], put: [row] });
  }
  const written = leader.outbox.write("todos", "delete", 1, {});
  equal([await written.kept, leader.titles], [true, []]);
  ok(await leader.outbox.write("todos", "restore", 1, {}, { shows: row }).kept, "is in the queue, too");
  equal(leader.store.stream("todos").view.rows, [row]);
  follower.outbox.versions();
  await until(() => follower.outbox.shown.size === 2);
  equal(follower.store.stream("todos").view.rows, [row]);
  leader.queue.add = () => Promise.reject(new DOMException("full", "QuotaExceededError"));
  equal(await leader.outbox.write("todos", "delete", 1, {}).kept, false);
  browser.connect();
  equal(
    (await browser.decide()).writes.map((/** @type {any} */ { action }) => action),
    ["delete", "restore"],
  );
});

test("a batch that cannot be done together is sent one by one to its end, and the next one is whole again", async () => {
  const { browser, leader } = await twoTabs();
  for (let id = 1; id <= BATCH + 5; id += 1) leader.add(id, `todo ${id}`);
  await until(async () => (await leader.queue.entries()).length === BATCH + 5);
  browser.connect();
  (await browser.request()).answer({ ok: false, reason: "failed" });
  const sizes = [];
  for (let batch = 0; batch <= BATCH; batch += 1) sizes.push((await browser.decide()).writes.length);
  equal(sizes, [...Array(BATCH).fill(1), 5]);
});

test("a queue that a later build changes is open no more", async () => {
  const { browser, leader } = await twoTabs();
  equal(leader.queue.isOpen, true);
  const request = indexedDB.open(browser.name, 2);
  await new Promise((resolve) => (request.onsuccess = resolve));
  request.result.close();
  equal(leader.queue.isOpen, false);
});

test("ids rise, also in one moment, and stay exact, and a clock that is set meanwhile changes none", () => {
  const ids = new RowIds(0);
  const made = Array.from({ length: 1000 }, () => ids.make());
  equal(
    made,
    [...new Set(made)].sort((a, b) => a - b),
  );
  const now = new RowIds(Date.now()).make();
  ok(Number.isSafeInteger(now) && now > 2 ** 47, "of this time");
  const later = new RowIds(Date.now());
  const { now: realNow } = Date;
  Date.now = () => realNow() + 3 * 24 * 3600_000;
  const difference = later.now() - realNow();
  Date.now = realNow;
  ok(Math.abs(difference) < 3600_000, "of the server's time");
});

test("a row with a UUID gets one that rises, is kept, and is another one where it is taken", async () => {
  const ids = new RowIds(Date.UTC(2026, 0, 2));
  const made = Array.from({ length: 50 }, () => ids.makeUuid());
  equal(made, [...new Set(made)].sort());
  const form = /^01[0-9a-f]{6}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  equal(
    made.filter((id) => !form.test(id)),
    [],
  );
  const browser = new Browser();
  const leader = await browser.open("a");
  leader.outbox.write("todos", "insert", made[0], { title: "one" });
  browser.connect();
  const taken = await browser.decide({ state: "taken" });
  const again = await browser.decide();
  equal(taken.writes[0].id, made[0]);
  ok(form.test(again.writes[0].id) && again.writes[0].id !== made[0], "another UUID");
});

test("a batch says whose it is, and tabs of different persons show nothing of each other", async () => {
  const browser = new Browser();
  const [ann, bob] = [await browser.open("a", "ann"), await browser.open("b", "bob")];
  browser.connect();
  bob.add(1, "of Bob");
  await until(async () => (await bob.queue.entries()).length === 1);
  ann.add(2, "of Ann");
  const { person, writes } = await browser.decide();
  equal([person, writes.length, writes[0].id], ["ann", 1, 2]);
  equal([ann.titles, bob.titles], [["of Ann"], ["of Bob"]]);
  equal((await bob.queue.entries()).length, 1);
});

test("what is sent while somebody else is signed in stays where it is, and its author is told", async () => {
  const { browser, leader } = await twoTabs();
  browser.connect();
  const written = leader.add(1, "one");
  (await browser.request()).answer({ ok: false, reason: "person", error: "No" });
  await until(() => leader.told.length);
  equal([leader.told, leader.titles, (await leader.queue.entries()).length], [[["other", "No"]], ["one"], 1]);
  browser.connect();
  await browser.decide();
  equal((await written).state, "done");
});

test("what waits can be dropped in any tab, is shown nowhere then, and is never sent", async () => {
  const { browser, leader, follower } = await twoTabs();
  const [first, second] = [leader.add(1, "one"), follower.add(2, "two")];
  await until(() => leader.outbox.waiting().length === 2 && follower.outbox.waiting().length === 2);
  const [one, two] = leader.outbox.waiting();
  equal(await follower.outbox.drop(one.sequence), true);
  equal([(await first).state, leader.titles, follower.titles], ["dropped", ["two"], ["two"]]);
  leader.tab.carrier = /** @type {any} */ ({ term: 1, carried: new Map() }); // it leads, and has no connection yet
  equal(await leader.outbox.drop(two.sequence), true);
  equal([(await second).state, leader.titles, follower.titles], ["dropped", [], []]);
  leader.add(3, "three");
  browser.connect();
  equal(
    (await browser.decide()).writes.map((/** @type {any} */ { id }) => id),
    [3],
  );
  equal(follower.told, []);
});

test("what may have been sent is not dropped until the server has answered that it did nothing", async () => {
  const { browser, leader, follower } = await twoTabs();
  browser.connect();
  leader.add(1, "one");
  await browser.request();
  const [{ sequence }] = leader.outbox.waiting();
  equal([await leader.outbox.drop(sequence), await follower.outbox.drop(sequence)], [false, false]);
  browser.isConnected = false; // nobody knows whether it was done
  equal(await leader.outbox.drop(sequence), false);
  browser.connect();
  const again = await browser.request();
  again.answer({ ok: false, reason: "unavailable" });
  equal(await leader.outbox.drop(sequence), false, "what was sent first may be under way still");
  await browser.decide();
  equal(leader.titles, ["one"]);
});

test("what the server has answered to have left undone can be dropped, and what waits without a connection", async () => {
  const { browser, leader } = await twoTabs();
  browser.connect();
  leader.add(1, "one");
  (await browser.request()).answer({ ok: false, reason: "unavailable" });
  const [{ sequence }] = leader.outbox.waiting();
  await until(() => leader.outbox.drop(sequence));
  browser.isConnected = false;
  leader.add(2, "two");
  await until(() => leader.outbox.waiting().length === 1);
  equal(browser.requests, [], "nothing is sent, nor kept to be sent by the socket");
  equal(await leader.outbox.drop(leader.outbox.waiting()[0].sequence), true);
  equal(leader.titles, []);
});

test("what was done to a row that is dropped is dropped with it, and nothing else", async () => {
  const { leader } = await twoTabs();
  leader.add(1, "one");
  leader.add(2, "two");
  leader.outbox.write("todos", "update", 1, { title: "first" });
  leader.outbox.write("todos", "update", 2, { title: "second" });
  await until(() => leader.outbox.waiting().length === 4);
  const [one] = leader.outbox.waiting();
  equal(leader.outbox.droppedWith(one.sequence).length, 2);
  equal(await leader.outbox.drop(one.sequence), true);
  equal(leader.titles, ["second"]);
  equal((await leader.queue.entries()).length, 2);
});

test("who drops a change is not told later that somebody else has written what was there before", async () => {
  const { browser, leader } = await twoTabs();
  const update = (/** @type {string} */ title, /** @type {string} */ was) =>
    leader.outbox.write("todos", "update", 1, { title }, { was: { title: was } });
  update("B", "A");
  update("C", "B");
  update("D", "C");
  await until(() => leader.outbox.waiting().length === 3);
  await leader.outbox.drop(leader.outbox.waiting()[0].sequence);
  browser.connect();
  equal(
    (await browser.decide()).writes.map((/** @type {any} */ { was }) => was),
    [{ title: "A" }, { title: "C" }],
  );
});

test("a refusal is told until a person has read it: also after a reload, and where nobody had a page open", async () => {
  const { browser, leader, follower } = await twoTabs();
  browser.connect();
  follower.add(1, "one");
  await browser.decide({ state: "refused", errors: ["No"], version: undefined });
  await until(() => follower.told.length);
  browser.tabs.pop(); // its tab is closed before anybody has read it
  leader.tab.carrier = /** @type {any} */ ({ term: 1, carried: new Map() });
  leader.outbox.fromTab(/** @type {any} */ ({ type: "leave", from: "b" }), "follower");
  await until(() => leader.told.length);
  browser.tabs.pop();
  const next = await browser.open("c");
  browser.connect();
  await until(() => next.told.length);
  equal([leader.told, next.told], [[["insert", "refused"]], [["insert", "refused"]]]);
  const other = await browser.open("d");
  await next.outbox.read((await next.queue.refusals()).map(({ outcome }) => outcome.sequence));
  equal([await next.queue.refusals(), other.told], [[], [["read", 1]]]);
});

test("a person's queue is deleted, and nobody else's", async () => {
  const browser = new Browser();
  const [ann, bob] = [await browser.open("a", "ann"), await browser.open("b", "bob")];
  await Promise.all([ann.add(1, "of Ann").kept, bob.add(2, "of Bob").kept]);
  const other = await browser.open("c", "ann");
  equal(await ann.queue.count(), 1);
  await ann.queue.forget();
  equal([ann.queue.isOpen, other.queue.isOpen, await bob.queue.count()], [false, false, 1]);
  equal(await (await browser.open("e", "ann")).queue.count(), 0);
});
