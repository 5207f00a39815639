/**
 * Random walks of a person's writes: tabs with the browser's modules and its own IndexedDB, between them messages that wait
 * for an action, and a simulated server that keeps the rules of `todosync/writes/queues.py`. Tabs crash, close and
 * freeze, another one leads, connections end, the server is away, and an older database takes its place.
 */

import { Outbox } from "/assets/writes/outbox.js";
import { Queue } from "/assets/writes/queue.js";
import { Store } from "/assets/streams/store.js";

const IDS = ["a", "b", "c", "d", "e", "f"]; // one after the other is opened
const OPEN_MAX = 3;
const SETTLE_MAX = 500; // actions
let browsers = 0;

/** @typedef {{ token: number, id: number, mayBeLost: boolean }} Act what a person has done, by a number that only it has */
/** @typedef {{ last: number, outcomes: Map<number, { write: string, outcome: any }> }} Known */

/** The rules of `QueueRecord` in `todosync/writes/queues.py`. */
export class Server {
  constructor() {
    this.isUp = true;
    this.isWritable = true;
    this.version = 0;
    /** @type {Map<string, Known>} by the id of the queue */
    this.queues = new Map();
    /** @type {Map<number, number>} the token of the last write to a row, by its id */
    this.rows = new Map();
    /** @type {number[]} the tokens of the writes that were done */
    this.done = [];
  }

  /** @param {any} batch @returns {any} the answer */
  decide({ queue, confirmed, writes }) {
    if (!this.isWritable) return { ok: false, reason: "unavailable" };
    const before = this.keep();
    const known = this.queues.get(queue) ?? { last: -1, outcomes: new Map() };
    this.queues.set(queue, known);
    for (const sequence of known.outcomes.keys()) if (sequence <= confirmed) known.outcomes.delete(sequence);
    const outcomes = [];
    const taken = new Set();
    for (const write of writes) {
      const outcome = this.#decide(known, write, taken);
      if (!outcome) {
        this.putBack(before);
        return { ok: false, reason: "queue" };
      }
      if (outcome.state === "taken") taken.add(write.id);
      outcomes.push({ sequence: write.sequence, ...outcome });
    }
    return { ok: true, outcomes };
  }

  /** @param {Known} known @param {any} write @param {Set<number>} taken ids of this batch */
  #decide(known, write, taken) {
    const text = JSON.stringify(write);
    if (this.isKnown(write.sequence, known)) {
      const found = known.outcomes.get(write.sequence);
      if (found && found.write !== text) return null;
      return found?.outcome ?? { state: "done" };
    }
    const outcome = taken.has(write.id) ? { state: "taken" } : this.#do(write);
    known.outcomes.set(write.sequence, { write: text, outcome });
    known.last = write.sequence;
    return outcome;
  }

  /** @param {number} sequence @param {Known} known */
  isKnown(sequence, known) {
    return sequence <= known.last;
  }

  /** @param {any} write */
  #do({ action, id, values: { token } }) {
    const isThere = this.rows.has(id);
    if (action === "insert" && isThere) return { state: "taken" };
    if (action === "update" && !isThere) return { state: "refused", errors: ["It is gone"], gone: true };
    if (token % 7 === 0) return { state: "refused", errors: ["No sevens"] };
    this.rows.set(id, token);
    this.done.push(token);
    this.version += 1;
    return { state: "done", version: [this.version, "mark"] };
  }

  keep() {
    return structuredClone({ queues: this.queues, rows: this.rows, done: this.done });
  }

  /** @param {{ queues: Map<string, Known>, rows: Map<number, number>, done: number[] }} kept */
  putBack(kept) {
    Object.assign(this, structuredClone(kept));
  }
}

/** A queue that answers no more when its tab has crashed, and says whether something is under way. */
class TabQueue extends Queue {
  isDead = false;
  pending = 0;

  /** @template T @param {Promise<T>} work @returns {Promise<T>} */
  #watch(work) {
    this.pending += 1;
    const settled = work.finally(() => (this.pending -= 1));
    return new Promise((resolve, reject) => {
      settled.then(
        (value) => this.isDead || resolve(value),
        (error) => this.isDead || reject(error),
      );
    });
  }

  /** @override @param {any} entry */
  add(entry) {
    return this.#watch(super.add(entry));
  }
  /** @override */
  entries() {
    return this.#watch(super.entries());
  }
  /** @override @param {string} tab @param {number} limit @param {any} choose */
  take(tab, limit, choose) {
    return this.#watch(super.take(tab, limit, choose));
  }
  /** @override @param {string} tab @param {number} sent */
  putBack(tab, sent) {
    return this.#watch(super.putBack(tab, sent));
  }
  /** @override */
  refusals() {
    return this.#watch(super.refusals());
  }
  /** @override @param {number[]} sequences @param {any} moves @param {any} refusals */
  remove(sequences, moves, refusals) {
    return this.#watch(super.remove(sequences, moves, refusals));
  }
  /** @override */
  renew() {
    return this.#watch(super.renew());
  }
}

class Tab {
  /** @param {Walk} walk @param {string} id */
  constructor(walk, id) {
    this.walk = walk;
    this.id = id;
    this.isFrozen = false;
    /** @type {any[]} messages of other tabs that wait for an action */
    this.inbox = [];
    /** @type {Connection | null} its own, if it leads or has led */
    this.connection = null;
    this.store = new Store();
    this.store.stream("todos", "-id").apply({ stream: "todos", version: [0, "mark"], todos: [] });
    this.queue = new TabQueue(walk.name);
    this.tab = {
      id,
      carrier: /** @type {any} */ (null),
      election: { leader: /** @type {any} */ (null) },
      post: (/** @type {any} */ message) => walk.post(this, message),
    };
    this.outbox = new Outbox({
      queue: this.queue,
      store: this.store,
      tab: /** @type {any} */ (this.tab),
      makeRowId: () => walk.makeRowId(),
      explain: ({ values }, { state }) => state === "refused" && walk.told.push(values.token),
    });
  }
}

/** What a leader has asked the server, and what the server has answered, as long as it lasts. */
class Connection {
  /** @param {Tab} tab */
  constructor(tab) {
    this.tab = tab;
    this.hasEnded = false;
    /** @type {{ data: any, answer: (answer: any) => unknown }[]} */
    this.up = [];
    /** @type {(() => unknown)[]} */
    this.down = [];
  }

  /** @param {string} event @param {any} data @param {(answer: any) => unknown} answer */
  request(event, data, answer) {
    if (!this.hasEnded) this.up.push({ data: structuredClone(data), answer });
  }
}

export class Walk {
  /** @param {() => number} random @param {Server} server */
  constructor(random, server) {
    this.name = `walk ${(browsers += 1)} ${performance.now()}`;
    this.random = random;
    this.server = server;
    /** @type {Tab[]} the first leads */
    this.tabs = [];
    /** @type {Connection[]} what is under way in them still arrives */
    this.connections = [];
    /** @type {Act[]} */
    this.acts = [];
    /** @type {Set<number>} ids of rows that another browser has made */
    this.taken = new Set();
    /** @type {number[]} the tokens of which a person was told that they were refused */
    this.told = [];
    this.opened = 0;
    this.lastId = 0;
    /** @type {any} */
    this.kept = null;
    /** @type {(() => void)[]} */
    this.timers = [];
  }

  makeRowId() {
    return (this.lastId += 1);
  }

  /** @template T @param {T[]} list @returns {T} */
  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  get running() {
    return this.tabs.filter((tab) => !tab.isFrozen);
  }

  /** @returns {Tab | undefined} */
  get leader() {
    return this.tabs.find((tab) => tab.tab.carrier);
  }

  /** @param {Tab} sender @param {any} message */
  post(sender, message) {
    if (sender.queue.isDead) return;
    const copy = structuredClone(message);
    for (const tab of this.tabs) if (tab !== sender && (!copy.to || copy.to === tab.id)) tab.inbox.push(copy);
  }

  /** One thing of those that are possible. @returns {Promise<string>} what it was */
  async step() {
    const kind = this.random();
    if (kind < 0.3 && this.running.length) return this.#act(this.pick(this.running));
    if (kind < 0.5) return this.#fault();
    await this.move();
    return "move";
  }

  /** @param {Tab} tab */
  async #act(tab) {
    const token = this.acts.length + 1;
    const rows = tab.store.stream("todos").view.rows;
    const isNew = !rows.length || this.random() < 0.5;
    const id = isNew ? this.makeRowId() : Number(this.pick(rows).id);
    if (isNew && this.random() < 0.1) this.#take(id);
    this.acts.push({ token, id, mayBeLost: false });
    tab.outbox.write("todos", isNew ? "insert" : "update", id, { token });
    if (!tab.store.stream("todos").view.rows.some((row) => row.token === token))
      throw new Error(`${token} is not shown`);
    await (this.random() < 0.2 ? null : this.idle()); // else the next thing happens while it is being kept
    return `${tab.id} writes ${token} to ${id}`;
  }

  /** Another browser has made a row of the same id. @param {number} id */
  #take(id) {
    this.taken.add(id);
    this.server.rows.set(id, 0);
  }

  async #fault() {
    const { server, tabs } = this;
    const fault = this.pick([
      "open",
      "crash",
      "close",
      "freeze",
      "thaw",
      "lead",
      "cut",
      "away",
      "back",
      "keep",
      "fail",
    ]);
    const tab = this.pick(tabs);
    if (fault === "open" && tabs.length < OPEN_MAX && this.opened < IDS.length) await this.open();
    else if (fault === "crash" && tabs.length > 1) this.#remove(tab, false);
    else if (fault === "close" && tabs.length > 1) this.#remove(tab, true);
    else if (fault === "freeze" && tab && tab !== this.leader) tab.isFrozen = true;
    else if (fault === "thaw" && tab) tab.isFrozen = false;
    else if (fault === "lead" && this.running.length) this.lead(this.pick(this.running));
    else if (fault === "cut" && this.leader) this.lead(this.leader);
    else if (fault === "away") server.isUp = false;
    else if (fault === "back") server.isUp = server.isWritable = true;
    else if (fault === "fail") server.isWritable = false;
    else if (fault === "keep") this.#keepOrPutBack();
    else return "";
    await this.idle();
    return `${fault} ${tab?.id}`;
  }

  #keepOrPutBack() {
    if (!this.kept) this.kept = this.server.keep();
    else {
      this.server.putBack(this.kept);
      this.kept = null;
      for (const act of this.acts) act.mayBeLost = true;
    }
  }

  async open() {
    const tab = new Tab(this, IDS[this.opened]);
    this.opened += 1;
    await tab.outbox.opening;
    this.tabs.push(tab);
    if (!this.leader) this.lead(tab);
    else this.#follow(tab);
    await this.idle();
  }

  /** @param {Tab} tab @param {boolean} leaves whether it can say so */
  #remove(tab, leaves) {
    const led = tab === this.leader;
    if (!leaves) tab.queue.isDead = true;
    this.tabs = this.tabs.filter((other) => other !== tab);
    if (tab.connection) tab.connection.hasEnded = true;
    if (led) return this.lead(this.running[0] ?? this.tabs[0]);
    const { leader } = this;
    leader?.tab.carrier.carried.delete(tab.id); // by its lock, or because it has said so
    leader?.inbox.push({ type: "leave", from: tab.id });
    if (leaves) tab.queue.isDead = true;
  }

  /** Another tab leads, or the same one by another connection. @param {Tab} tab */
  lead(tab) {
    const before = this.leader;
    if (before !== tab) for (const message of tab.inbox.splice(0)) this.#receive(tab, message); // they were sent before
    if (before) before.tab.carrier = null;
    if (before && before !== tab) before.inbox.push({ type: "yield" }); // until then it hears its server
    tab.isFrozen = false;
    const connection = new Connection(tab);
    if (tab.connection) tab.connection.hasEnded = true;
    tab.connection = connection;
    this.connections.push(connection);
    tab.tab.carrier = { carried: new Map(), term: 1 };
    tab.tab.election.leader = { id: tab.id };
    tab.outbox.connected({
      request: (event, data, answer) => connection.request(event, data, answer),
      post: () => {},
      isOpen: () => !connection.hasEnded,
    });
    for (const other of this.tabs) if (other !== tab) this.#follow(other);
  }

  /** @param {Tab} tab */
  #follow(tab) {
    const leader = /** @type {Tab} */ (this.leader);
    tab.tab.carrier = null;
    tab.tab.election.leader = { id: leader.id };
    leader.tab.carrier.carried.set(tab.id, {});
    tab.outbox.versions();
  }

  /** Something that happens by itself. @returns {Promise<boolean>} whether there was anything */
  async move() {
    const readers = this.running.filter((tab) => tab.inbox.length);
    const up = this.server.isUp ? this.connections.filter((connection) => connection.up.length) : [];
    const down = this.connections.filter(({ down, hasEnded, tab }) => down.length && !hasEnded && !tab.isFrozen);
    const choices = [
      ...readers.map((tab) => () => this.#receive(tab, tab.inbox.shift())),
      ...up.map((connection) => () => {
        const { data, answer } = /** @type {any} */ (connection.up.shift());
        const decided = this.server.decide(data);
        connection.down.push(() => answer(structuredClone(decided)));
      }),
      ...down.map((connection) => () => connection.down.shift()?.()),
      ...this.timers.map((run, index) => () => this.timers.splice(index, 1).length && run()),
    ];
    if (!choices.length) return false;
    this.pick(choices)();
    await this.idle();
    return true;
  }

  /** @param {Tab} tab @param {any} message */
  #receive(tab, message) {
    if (message.type !== "yield") tab.outbox.fromTab(message, tab === this.leader ? "follower" : "leader");
    else if (tab !== this.leader && tab.connection) tab.connection.hasEnded = true;
  }

  /** Wait until the browser's database has done what was asked of it. */
  async idle() {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      await turn();
      if (this.tabs.some((tab) => tab.queue.pending)) quiet = -1;
    }
  }

  /** End all faults; then nothing waits, and everything that was done is what the persons did. */
  async settle() {
    Object.assign(this.server, { isUp: true, isWritable: true });
    for (const tab of this.tabs) tab.isFrozen = false;
    if (!this.tabs.length) await this.open();
    this.lead(this.tabs[0]);
    await this.idle();
    for (let moves = 0; await this.move(); moves += 1) if (moves > SETTLE_MAX) throw new Error("it never ends");
    await this.check();
  }

  async check() {
    const refusals = await this.tabs[0].queue.refusals(); // a person is told of these when they open a tab
    const told = new Set([...this.told, ...refusals.map(({ entry }) => entry.values.token)]);
    const { done } = this.server;
    if (new Set(done).size < done.length) throw new Error(`done twice: ${done}`);
    const inPlace = done.filter((token) => !this.taken.has(this.acts[token - 1].id)); // others go to the end, with a new id
    if (inPlace.some((token, index) => token < inPlace[index - 1])) throw new Error(`in another order: ${done}`);
    for (const { token, mayBeLost } of this.acts) {
      if (!done.includes(token) && !mayBeLost && !told.has(token))
        throw new Error(`${token} was neither done nor explained; done ${done}, told ${[...told]}`);
    }
    for (const { id, outbox, queue, store } of this.tabs) {
      const waiting = (await queue.entries()).length;
      if (waiting || outbox.shown.size) throw new Error(`in ${id} ${waiting} wait, ${outbox.shown.size} are shown`);
      const rows = [...this.server.rows].map(([id, token]) => ({ id, token })).sort((one, other) => other.id - one.id);
      const version = [this.server.version + 1, "mark"];
      store.apply(/** @type {any} */ ({ stream: "todos", version, todos: rows, replaces: true }));
      const shown = JSON.stringify(store.stream("todos").view.rows);
      if (shown !== JSON.stringify(rows)) throw new Error(`${id} shows ${shown} of ${JSON.stringify(rows)}`);
    }
  }

  /** Forget the browser's database. */
  end() {
    for (const { queue } of this.tabs) queue.database?.close();
    indexedDB.deleteDatabase(this.name);
  }
}

/** Let what is due run. */
function turn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
}
