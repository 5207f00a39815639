/**
 * A browser's tabs, without a browser: a clock that moves when told to, a BroadcastChannel that keeps the order between
 * two tabs and no other, and Web Locks. Everything that may happen next is an action with a name; which one happens is
 * the test's choice, so a list of names replays a run.
 */

import { LockManager } from "./locks.js";

/**
 * @typedef {'running' | 'frozen' | 'wedged' | 'stopped' | 'gone'} Condition of a tab: in a `frozen` one, which was told
 *   so, and in a `wedged` one, which was not, only message handlers run; in a `stopped` one nothing does
 * @typedef {{ due: number, run: () => void, number: number }} Timer
 */

/**
 * @typedef {object} Supplied what subclasses supply
 * @property {import("../../assets/tabs/election.js").Election} election
 * @property {(message: any) => void} receive
 * @property {() => void} leave
 * @property {() => void} comeBack
 * @property {() => void} look
 * @property {(isUp: boolean) => void} onServer
 */

/** What all simulated tabs have. */
export class SimulatedTab {
  /** @param {World<any>} world @param {string} id */
  constructor(world, id) {
    this.world = world;
    this.id = id;
    /** @type {Condition} */
    this.condition = "running";
    /** @type {Timer[]} */
    this.timers = [];
    /** @type {{ name: string, run: () => void }[]} run in this order, and not in a frozen tab */
    this.tasks = [];
    this.clock = {
      now: () => world.now,
      /** @param {() => void} run @param {number} ms */
      setTimeout: (run, ms) => {
        const timer = { due: world.now + ms, run, number: ++world.timerCount };
        this.timers.push(timer);
        return timer;
      },
      /** @param {() => void} run @param {number} ms */
      setInterval: (run, ms) => {
        const timer = this.clock.setTimeout(() => {
          timer.due = world.now + ms;
          this.timers.push(timer);
          run();
        }, ms);
        return timer;
      },
      /** @param {Timer} timer */
      clearTimeout: (timer) => {
        this.timers = this.timers.filter((other) => other !== timer);
      },
    };
  }

  get isRunning() {
    return this.condition === "running";
  }

  get isGone() {
    return this.condition === "gone";
  }

  get handlesMessages() {
    return this.condition !== "stopped" && this.condition !== "gone";
  }

  get leads() {
    return this.#election.state === "leader";
  }

  /** @returns {string | undefined} */
  get follows() {
    return this.#election?.leader?.id;
  }

  /** @returns {import("../../assets/tabs/election.js").Election} */
  get #election() {
    return /** @type {any} */ (this).election;
  }

  get nextTimer() {
    return this.timers.reduce((first, timer) => (isBefore(timer, first) ? timer : first), this.timers[0]);
  }

  fireTimer() {
    const timer = this.nextTimer;
    this.timers.splice(this.timers.indexOf(timer), 1);
    this.world.now = Math.max(this.world.now, timer.due);
    timer.run();
  }
}

/** @template {SimulatedTab & Supplied} Tab */
export class World {
  /** @param {{ locks: boolean, makeTab: (world: any, id: string) => Tab }} parts */
  constructor({ locks, makeTab }) {
    this.makeTab = makeTab;
    /** @type {any} a LockManager, or what a subclass has of them */
    this.locks = locks ? new LockManager() : null;
    this.now = 1000;
    this.timerCount = 0;
    this.isServerUp = true;
    /** @type {Tab[]} in the order of their ids */
    this.tabs = [];
    /** @type {Map<string, Record<string, any>[]>} by "sender>receiver" */
    this.channel = new Map();
    /** @type {{ id: string, term: number }[]} */
    this.reigns = [];
  }

  /** @param {string} id */
  open(id) {
    const tab = this.makeTab(this, id);
    this.tabs = [...this.tabs, tab].sort((a, b) => (a.id < b.id ? -1 : 1));
    return tab;
  }

  /** @param {string} id */
  tab(id) {
    const tab = this.tabs.find((tab) => tab.id === id);
    if (!tab) throw new Error(`there is no tab ${id}`);
    return tab;
  }

  get running() {
    return this.tabs.filter((tab) => tab.isRunning);
  }

  get leaders() {
    return this.running.filter((tab) => tab.leads);
  }

  /** @param {SimulatedTab} sender @param {Record<string, any>} message */
  post(sender, message) {
    for (const tab of this.tabs) {
      if (tab.id === sender.id || tab.isGone) continue;
      const pair = `${sender.id}>${tab.id}`;
      if (!this.channel.has(pair)) this.channel.set(pair, []);
      this.channel.get(pair)?.push({ from: sender.id, ...message });
    }
  }

  /** What may happen next by itself, apart from timers. @returns {string[]} */
  pending() {
    const deliveries = [...this.channel]
      .filter(([pair, queue]) => queue.length && this.tab(pair.split(">")[1]).handlesMessages)
      .map(([pair]) => `deliver ${pair}`);
    const tasks = this.running.filter((tab) => tab.tasks.length).map((tab) => `task ${tab.id}`);
    return [...deliveries, ...tasks];
  }

  /** @param {string} action see `pending`, `timers` and `faults` in explorer.js */
  perform(action) {
    const [verb, object] = action.split(" ");
    if (verb === "deliver") this.#deliver(object);
    else if (verb === "task") this.tab(object).tasks.shift()?.run();
    else if (verb === "fire") this.tab(object).fireTimer();
    else if (verb === "open") this.open(object);
    else if (verb === "server") this.#setServer(object === "up");
    else if (verb === "nudge") this.tab(object).look();
    else this.#change(this.tab(object), verb);
  }

  /** @param {Tab} tab @param {string} verb */
  #change(tab, verb) {
    if (verb === "close" || verb === "freeze") tab.leave();
    if (verb === "close" || verb === "crash") this.#remove(tab);
    else if (verb === "freeze") tab.condition = "frozen";
    else if (verb === "wedge") tab.condition = "wedged";
    else if (verb === "stop") tab.condition = "stopped";
    else if (verb === "revive") this.#revive(tab);
    else throw new Error(`unknown action ${verb}`);
  }

  /** @param {Tab} tab */
  #revive(tab) {
    const wasFrozen = tab.condition === "frozen";
    tab.condition = "running";
    if (wasFrozen) tab.comeBack();
  }

  /** @param {Tab} tab */
  #remove(tab) {
    tab.condition = "gone";
    tab.timers = [];
    tab.tasks = [];
    this.locks?.forget(tab);
    for (const pair of this.channel.keys()) if (pair.endsWith(`>${tab.id}`)) this.channel.delete(pair);
  }

  /** @param {string} pair */
  #deliver(pair) {
    const message = this.channel.get(pair)?.shift();
    this.tab(pair.split(">")[1]).receive(message);
  }

  /** @param {boolean} isUp */
  #setServer(isUp) {
    this.isServerUp = isUp;
    for (const tab of this.tabs) tab.onServer(isUp);
  }

  /** Let everything happen that happens by itself for a while. @param {number} ms @param {() => void} [onQuiet] */
  settle(ms, onQuiet) {
    const end = this.now + ms;
    for (;;) {
      this.#drain();
      onQuiet?.();
      const next = this.#nextToFire();
      if (!next || next.nextTimer.due > end) break;
      next.fireTimer();
    }
    this.now = Math.max(this.now, end);
  }

  /** Run what is pending or overdue until nothing is, in turns so that nothing waits forever. */
  #drain() {
    for (let steps = 0; steps < 2000;) {
      const pending = this.pending();
      for (const action of pending) if (this.isPossible(action)) this.perform(action);
      steps += pending.length || 1;
      if (pending.length) continue;
      const next = this.#nextToFire();
      if (!next || next.nextTimer.due > this.now) return;
      next.fireTimer();
    }
    throw new Error("the tabs never fall silent");
  }

  /** Whether an action is still pending, after others. @param {string} action */
  isPossible(action) {
    const [verb, object] = action.split(" ");
    return verb === "task" ? this.tab(object).tasks.length > 0 : (this.channel.get(object)?.length ?? 0) > 0;
  }

  #nextToFire() {
    let next;
    for (const tab of this.tabs) {
      if (tab.isRunning && tab.timers.length && !(next && next.nextTimer.due <= tab.nextTimer.due)) next = tab;
    }
    return next;
  }
}

/** @param {Timer} timer @param {Timer} other */
function isBefore(timer, other) {
  return timer.due < other.due || (timer.due === other.due && timer.number < other.number);
}
