/**
 * Whole tabs, with the browser's modules as they are, on simulated sockets to a simulated server that keeps the rules of
 * `todosync/tabs.py`. The persons in front of the tabs do things, by `act`, that must happen exactly once.
 */

import { NamedLocks } from "./locks.js";
import { SimulatedTab, World } from "./world.js";

const IDS = ["a", "b", "c", "d"];
const RECONNECT_MS = 1000;
const RELAYED_EVENTS = ["event", "javascript_response", "log"];

/** @type {RelayWorld} */
let currentWorld;

/** @param {string} id */
async function loadModules(id) {
  const tab = () => /** @type {RelayTab} */ (currentWorld.tab(id));
  const target = {
    addEventListener: (/** @type {string} */ type, /** @type {Function} */ run) => tab().listeners.set(type, run),
  };
  const sandboxes = /** @type {any} */ (globalThis).sandboxes ?? {};
  sandboxes[id] = {
    window: target,
    document: { ...target, hidden: false, querySelectorAll: () => [] },
    navigator: {
      get locks() {
        return currentWorld.locks && { request: requestLock.bind(null, tab()) };
      },
    },
    BroadcastChannel: class {
      constructor() {
        tab().channel = this;
        this.onmessage = () => {};
      }

      postMessage(/** @type {any} */ message) {
        if (tab().channel === this) currentWorld.post(tab(), structuredClone(message));
      }

      close() {
        tab().channel = null;
      }
    },
    Promise: Prompt,
    setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => tab().clock.setTimeout(run, ms),
    clearTimeout: (/** @type {any} */ timer) => tab().clock.clearTimeout(timer),
    setInterval: (/** @type {() => void} */ run, /** @type {number} */ ms) => tab().clock.setInterval(run, ms),
    clearInterval: (/** @type {any} */ interval) => tab().clock.clearTimeout(interval),
    performance: { now: () => currentWorld.now, timeOrigin: 0 },
  };
  Object.assign(globalThis, { sandboxes });
  const names = ["tabs/tab", "tabs/tab_socket", "tabs/log"];
  return Object.assign({}, ...(await Promise.all(names.map((name) => import(`/sandbox/${id}/${name}.js`)))));
}

/** A promise that calls back at once, so that an action is over when it returns. */
class Prompt {
  /** @param {(resolve: (value: any) => void, reject: (error: any) => void) => void} run */
  constructor(run) {
    /** @type {((outcome: any) => void)[]} */
    this.waiting = [];
    /** @type {any} */
    this.outcome = undefined;
    run(
      (value) => this.#settle({ value }),
      (error) => this.#settle({ error }),
    );
  }

  /** @param {any} outcome */
  #settle(outcome) {
    this.outcome ??= outcome;
    for (const run of this.waiting.splice(0)) run(this.outcome);
  }

  /** @param {(value: any) => void} run */
  then(run) {
    return this.#wait((outcome) => "error" in outcome || run(outcome.value));
  }

  /** @param {(error: any) => void} run */
  catch(run) {
    return this.#wait((outcome) => "error" in outcome && run(outcome.error));
  }

  /** @param {(outcome: any) => void} run */
  #wait(run) {
    if (this.outcome) run(this.outcome);
    else this.waiting.push(run);
    return this;
  }
}

/** `navigator.locks.request` @param {RelayTab} tab @param {string} name @param {any} options @param {() => any} callback */
function requestLock(tab, name, { steal = false, signal = null }, callback) {
  return new Prompt((resolve, reject) => {
    const abort = () => reject(new DOMException("", "AbortError"));
    const drop = tab.world.locks.named(name).request(tab, {
      steal,
      granted: () => {
        const release = () => {
          drop();
          resolve(undefined);
        };
        const held = callback();
        if (held instanceof Prompt) held.then(release);
        else release();
      },
      lost: abort,
    });
    signal?.addEventListener("abort", () => {
      if (!drop.isInTime()) return; // the callback has the lock, and the signal comes too late
      drop();
      abort();
    });
  });
}

/** The browser's end of a Socket.IO connection. */
class RealSocket {
  /** @param {RelayTab} tab */
  constructor(tab) {
    this.tab = tab;
    this.world = /** @type {RelayWorld} */ (tab.world);
    /** @type {Map<string, Function>} */
    this.handlers = new Map();
    /** @type {(...args: any[]) => void} */
    this.onAnything = () => {};
    /** @type {string | undefined} */
    this.id = undefined;
    /** @type {[string, any, Function | undefined][]} */
    this.buffered = [];
    this.wanted = true;
    this.io = { on: () => {}, opts: {} };
    this.connect();
  }

  get connected() {
    return this.id !== undefined;
  }

  connect() {
    this.wanted = true;
    this.connection?.end();
    this.connection = this.world.server.accept(this);
    return this;
  }

  disconnect() {
    this.wanted = false;
    this.connection?.end();
    this.#setId(undefined);
    return this;
  }

  /** @param {string} event @param {Function} handler */
  on(event, handler) {
    this.handlers.set(event, handler);
  }

  /** @param {string} [event] */
  off(event) {
    if (event) this.handlers.delete(event);
    else this.handlers.clear();
  }

  /** @param {(...args: any[]) => void} handler */
  onAny(handler) {
    this.onAnything = handler;
  }

  offAny() {
    this.onAnything = () => {};
  }

  /** @param {string} event @param {any[]} args */
  emit(event, ...args) {
    const onAnswer = typeof args.at(-1) === "function" ? args.pop() : undefined;
    if (this.connected) this.connection?.send(event, args[0], onAnswer);
    else this.buffered.push([event, args[0], onAnswer]);
  }

  /** From the server. @param {Connection} connection @param {() => void} run */
  receive(connection, run) {
    if (connection === this.connection && !this.tab.isGone) run();
  }

  onConnect() {
    this.#setId(this.connection?.sid);
    for (const [event, data, onAnswer] of this.buffered.splice(0)) this.connection?.send(event, data, onAnswer);
  }

  onCut() {
    this.#setId(undefined);
    this.tab.clock.setTimeout(() => this.wanted && !this.connected && this.connect(), RECONNECT_MS);
  }

  /** @param {string | undefined} id */
  #setId(id) {
    const before = this.id;
    this.id = id;
    if (id && !before) this.handlers.get("connect")?.();
    if (!id && before) this.handlers.get("disconnect")?.();
  }
}

/** A connection as the server sees it; what is under way in it, in either direction, waits for an action. */
class Connection {
  /** @param {Server} server @param {RealSocket} socket @param {string} sid */
  constructor(server, socket, sid) {
    this.server = server;
    this.socket = socket;
    this.sid = sid;
    this.clientId = socket.tab.clientId;
    this.linkNumber = socket.tab.socket.options.query.link_number;
    this.ended = false;
    /** @type {(() => void)[]} */
    this.up = [() => this.#greet()];
    /** @type {(() => void)[]} */
    this.down = [];
  }

  #greet() {
    if (this.server.onConnect(this)) this.#sendDown(() => this.socket.onConnect());
  }

  /** @param {string} event @param {any} data @param {Function} [onAnswer] */
  send(event, data, onAnswer) {
    const copy = structuredClone(data);
    this.up.push(() => {
      const answer = this.server.handle(this, event, copy);
      if (onAnswer) this.#sendDown(() => onAnswer(answer));
    });
  }

  /** The browser closes it: what is under way to the server still arrives. */
  end() {
    if (this.ended) return;
    this.ended = true;
    this.down = [];
    this.up.push(() => this.server.onDisconnect(this));
  }

  /** The network fails: what is under way is lost. */
  cut() {
    this.up = [];
    this.end();
    this.#sendDown(() => this.socket.onCut());
  }

  /** @param {() => void} run */
  #sendDown(run) {
    this.down.push(() => this.socket.receive(this, run));
  }
}

/** The rules of `Tabs` in `todosync/tabs.py`. */
export class Server {
  constructor() {
    /** @type {Connection[]} */
    this.connections = [];
    /** @type {Map<string, { tab: string, sid: string }>} by client id */
    this.routes = new Map();
    /** @type {Set<string>} the sids that may carry tabs */
    this.leaders = new Set();
    /** @type {Map<string, Set<string>>} by client id */
    this.sids = new Map();
    /** @type {Map<string, number>} by client id */
    this.received = new Map();
    /** @type {Map<string, number>} by client id */
    this.links = new Map();
    /** @type {Map<string, number[]>} what was done, by client id */
    this.done = new Map();
  }

  /** @param {RealSocket} socket */
  accept(socket) {
    const connection = new Connection(this, socket, `s${this.connections.length + 1}`);
    this.connections.push(connection);
    return connection;
  }

  /** @param {Connection} connection @returns {boolean} whether it is accepted */
  onConnect({ clientId, sid, linkNumber }) {
    if (this.isOvertaken(clientId, linkNumber)) return false;
    this.routes.delete(clientId);
    this.sids.set(clientId, (this.sids.get(clientId) ?? new Set()).add(sid));
    return true;
  }

  /** @param {Connection} connection */
  onDisconnect({ clientId, sid }) {
    this.sids.get(clientId)?.delete(sid);
    this.leaders.delete(sid);
    for (const [carried, route] of this.routes) if (route.sid === sid) this.routes.delete(carried);
  }

  /** @param {Connection} connection @param {string} event @param {any} data */
  handle({ sid }, event, data) {
    if (event === "todosync_hello") return this.#greet(sid, data);
    if (event === "todosync_join") return this.#join(sid, data);
    if (event === "todosync_up") return this.#up(sid, data);
    if (event === "todosync_leave" && this.routes.get(data.client_id)?.sid === sid) this.routes.delete(data.client_id);
    return { ok: false };
  }

  /** @param {string} sid @param {any} data */
  #greet(sid, { client_id: clientId, document_id: documentId }) {
    if (!this.sids.get(clientId)?.has(sid)) return { ok: false };
    this.leaders.add(sid);
    return { ok: true, received: this.received.get(`${clientId} ${documentId}`) ?? 0 };
  }

  /** @param {string} sid @param {any} data */
  #join(sid, { client_id: clientId, document_id: documentId, tab, link_number: linkNumber }) {
    if (!this.leaders.has(sid)) return { ok: false, reason: "leader" };
    if (this.isOvertaken(clientId, linkNumber)) return { ok: false, reason: "overtaken" };
    this.routes.set(clientId, { tab, sid });
    return { ok: true, received: this.received.get(`${clientId} ${documentId}`) ?? 0 };
  }

  /** @param {number} number @param {number} received */
  isNext(number, received) {
    return number === received + 1;
  }

  /** @param {string} clientId @param {number} linkNumber */
  isOvertaken(clientId, linkNumber) {
    const latest = Math.max(linkNumber, this.links.get(clientId) ?? 0);
    this.links.set(clientId, latest);
    return linkNumber < latest;
  }

  /** @param {string} sid @param {any} data */
  #up(sid, { client_id: clientId, document_id: documentId, number, event, data }) {
    const route = this.routes.get(clientId);
    const speaksForIt = route ? route.sid === sid : this.sids.get(clientId)?.has(sid);
    if (!speaksForIt || !RELAYED_EVENTS.includes(event) || data.client_id !== clientId) return { ok: false };
    const document = `${clientId} ${documentId}`;
    const received = this.received.get(document) ?? 0;
    if (!this.isNext(number, received)) return { ok: number <= received, received };
    this.received.set(document, number);
    this.done.set(clientId, [...(this.done.get(clientId) ?? []), data.args]);
    return { ok: true, received: number };
  }
}

class RelayTab extends SimulatedTab {
  /** @param {RelayWorld} world @param {string} id */
  constructor(world, id) {
    super(world, id);
    this.clientId = `client of ${id}`;
    /** @type {any} */
    this.channel = null;
    /** @type {Map<string, Function>} by the type of the event */
    this.listeners = new Map();
    this.asked = 0; // how many things the person in front of it has done
  }

  /** @param {any} [session] */
  open(session = { tag: "session", mark: { session: "session", opened: null }, meet: () => {} }) {
    const { Tab, TabSocket, EventLog } = modules[this.id];
    this.tab = new Tab({ id: this.id, session, log: new EventLog() });
    const query = { client_id: this.clientId, document_id: "document", tab_id: "tab", next_message_id: 0 };
    this.socket = new TabSocket({ query });
    this.tab.open(this.socket, () => new RealSocket(this));
  }

  get election() {
    return this.tab?.election;
  }

  get isConnected() {
    return this.socket.connected && this.socket.link !== null;
  }

  act() {
    this.asked += 1;
    this.socket.emit("event", { client_id: this.clientId, args: this.asked });
  }

  /** @param {any} message */
  receive(message) {
    this.channel?.onmessage({ data: message });
  }

  leave() {
    this.listeners.get("pagehide")?.();
  }

  comeBack() {
    this.listeners.get("pageshow")?.({ persisted: true });
  }

  look() {
    this.listeners.get("focus")?.();
  }

  onServer() {}
}

/** @extends {World<RelayTab>} */
export class RelayWorld extends World {
  /** @param {boolean} locks @param {Server} server */
  constructor(locks, server = new Server()) {
    super({ locks, makeTab: (world, id) => new RelayTab(world, id) });
    this.locks = locks ? new NamedLocks() : null;
    this.server = server;
    currentWorld = this;
  }

  /** @param {string} id @param {any} [session] what the tab knows of its session */
  open(id, session) {
    const tab = /** @type {RelayTab} */ (super.open(id));
    tab.open(session);
    return tab;
  }

  pending() {
    const up = this.server.connections.filter(({ up }) => up.length).map(({ sid }) => `up ${sid}`);
    const down = this.server.connections
      .filter((connection) => this.#canReceive(connection))
      .map(({ sid }) => `down ${sid}`);
    return [...super.pending(), ...up, ...down];
  }

  /** @param {string} action */
  isPossible(action) {
    const [verb, object] = action.split(" ");
    if (verb === "up") return this.#connection(object).up.length > 0;
    if (verb === "down") return this.#canReceive(this.#connection(object));
    return super.isPossible(action);
  }

  /** @param {string} action */
  perform(action) {
    const [verb, object] = action.split(" ");
    if (verb === "up") this.#connection(object).up.shift()?.();
    else if (verb === "down") this.#connection(object).down.shift()?.();
    else if (verb === "cut") this.#connectionOf(object)?.cut();
    else if (verb === "act") /** @type {RelayTab} */ (this.tab(object)).act();
    else super.perform(action);
    if (verb === "close" || verb === "crash") this.#connectionOf(object)?.end();
    this.checkNothingTwice();
  }

  /** Whatever was done was asked for, once, and in its order; whatever counts as done was done. */
  checkNothingTwice() {
    for (const tab of /** @type {RelayTab[]} */ (this.tabs)) {
      const done = this.server.done.get(tab.clientId) ?? [];
      const waiting = tab.socket.unacknowledged.length;
      const inOrder = done.every((number, index) => number === index + 1);
      if (!inOrder || done.length > tab.asked) throw new Error(`${tab.id} did ${done}, asked for ${tab.asked}`);
      if (done.length < tab.asked - waiting) throw new Error(`${tab.id} lost an acknowledged action: did ${done}`);
    }
  }

  /** Everybody that is still there is connected, and has had done all that was asked for. */
  checkAllDone() {
    if (!this.running.length) return;
    if (this.leaders.length !== 1) throw new Error(`${this.leaders.length} tabs lead`);
    for (const tab of /** @type {RelayTab[]} */ (this.running)) {
      const done = this.server.done.get(tab.clientId) ?? [];
      if (!tab.isConnected) throw new Error(`${tab.id} is not connected`);
      if (done.length !== tab.asked) throw new Error(`${tab.id} did ${done.length} of ${tab.asked}`);
      if (tab.socket.unacknowledged.length) throw new Error(`${tab.id} does not know that all is done`);
    }
    const open = this.server.connections.filter(({ ended }) => !ended);
    const used = open.filter(({ socket }) => socket.tab.isRunning);
    if (used.length !== 1) throw new Error(`${used.length} sockets are open`);
  }

  /** @param {Connection} connection */
  #canReceive({ socket, down }) {
    return down.length > 0 && socket.tab.isRunning;
  }

  /** @param {string} sid */
  #connection(sid) {
    return this.server.connections[Number(sid.slice(1)) - 1];
  }

  /** The one that a tab uses. @param {string} id */
  #connectionOf(id) {
    return this.server.connections.findLast(({ socket, ended }) => socket.tab.id === id && !ended);
  }
}

/** The modules of each tab, which see their own tab's `window`, clock, channel and locks. */
const modules = Object.fromEntries(await Promise.all(IDS.map(async (id) => [id, await loadModules(id)])));
