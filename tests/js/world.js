/**
 * A browser's tabs, without a browser: a clock that moves when told to, a BroadcastChannel that keeps the order between
 * two tabs and no other, and Web Locks as specified. Everything that may happen next is an action with a name; which
 * one happens is the test's choice, so a list of names replays a run.
 */

/**
 * @typedef {import("../../assets/election.js").Election} Election
 * @typedef {import("../../assets/election.js").LockRequest} LockRequest
 * @typedef {'running' | 'frozen' | 'wedged' | 'stopped' | 'gone'} Condition of a tab: in a `frozen` one, which was told
 *   so, and in a `wedged` one, which was not, only message handlers run; in a `stopped` one nothing does
 */

/** A lock manager as in https://w3c.github.io/web-locks/: its callbacks are tasks of the tab that asked. */
export class LockManager {
  constructor() {
    /** @type {LockEntry | null} */
    this.held = null;
    /** @type {LockEntry[]} */
    this.queue = [];
  }

  /** @param {SimulatedTab} tab @param {LockRequest} request @returns {() => void} */
  request(tab, request) {
    const entry = new LockEntry(tab, request);
    if (request.steal) {
      const victim = this.held;
      if (victim) victim.tab.tasks.push({ name: "lock lost", run: () => victim.cancelled || victim.request.lost() });
      this.held = null;
      this.queue.unshift(entry);
    } else {
      this.queue.push(entry);
    }
    this.#process();
    return () => this.#drop(entry);
  }

  /** @param {SimulatedTab} tab */
  forget(tab) {
    this.queue = this.queue.filter((entry) => entry.tab !== tab);
    if (this.held?.tab === tab) this.held = null;
    this.#process();
  }

  #process() {
    if (this.held || !this.queue.length) return;
    const entry = /** @type {LockEntry} */ (this.queue.shift());
    this.held = entry;
    entry.tab.tasks.push({ name: "lock granted", run: () => this.#callBack(entry) });
  }

  /** @param {LockEntry} entry */
  #callBack(entry) {
    entry.calledBack = true;
    if (entry.cancelled) this.#release(entry);
    else entry.request.granted();
  }

  /** @param {LockEntry} entry */
  #drop(entry) {
    entry.cancelled = true;
    this.queue = this.queue.filter((queued) => queued !== entry);
    if (entry.calledBack) this.#release(entry); // before that, the lock is stuck until the tab runs its callback
  }

  /** @param {LockEntry} entry */
  #release(entry) {
    if (this.held !== entry) return;
    this.held = null;
    this.#process();
  }
}

class LockEntry {
  /** @param {SimulatedTab} tab @param {LockRequest} request */
  constructor(tab, request) {
    this.tab = tab;
    this.request = request;
    this.cancelled = false;
    this.calledBack = false;
  }
}

export class SimulatedTab {
  /** @param {World} world @param {string} id */
  constructor(world, id) {
    this.world = world;
    this.id = id;
    /** @type {Condition} */
    this.condition = "running";
    /** @type {{ due: number, run: () => void, number: number }[]} */
    this.timers = [];
    /** @type {{ name: string, run: () => void }[]} in this order; none runs in a frozen tab */
    this.tasks = [];
    /** @type {{ link: number, connected: boolean, heardAt: number | null } | null} while it leads */
    this.connection = null;
    /** @type {string[]} what the election told the tab */
    this.told = [];
    this.election = this.#makeElection();
    this.election.start();
  }

  get isRunning() {
    return this.condition === "running";
  }

  get handlesMessages() {
    return this.condition !== "stopped" && this.condition !== "gone";
  }

  get leads() {
    return this.election.state === "leader";
  }

  get nextTimer() {
    return this.timers.reduce(
      (first, timer) => (first && (first.due < timer.due || (first.due === timer.due && first.number < timer.number)) ? first : timer),
      this.timers[0],
    );
  }

  fireTimer() {
    const timer = this.nextTimer;
    this.timers.splice(this.timers.indexOf(timer), 1);
    this.world.now = Math.max(this.world.now, timer.due);
    timer.run();
  }

  /** The server is there, or not. @param {boolean} isUp */
  onServer(isUp) {
    const { connection } = this;
    if (!connection || connection.connected === isUp) return;
    this.tasks.push({
      name: isUp ? "connect" : "disconnect",
      run: () => {
        if (this.connection !== connection || this.world.isServerUp !== isUp) return;
        connection.connected = isUp;
        if (isUp) connection.link += 1;
        if (isUp) connection.heardAt = this.world.now;
        this.election.announce();
      },
    });
  }

  #makeElection() {
    const { world } = this;
    return new world.Election({
      id: this.id,
      send: (message) => world.post(this, message),
      locks: world.locks && { request: (request) => /** @type {LockManager} */ (world.locks).request(this, request) },
      clock: {
        now: () => world.now,
        setTimeout: (run, ms) => {
          const timer = { due: world.now + ms, run, number: ++world.timerCount };
          this.timers.push(timer);
          return timer;
        },
        clearTimeout: (timer) => {
          this.timers = this.timers.filter((other) => other !== timer);
        },
      },
      listener: {
        lead: (term) => this.#lead(term),
        resign: () => this.#resign(),
        follow: (leader) => this.told.push(`follow ${leader.id} in term ${leader.term}`),
        lose: (reason) => this.told.push(`lose: ${reason}`),
        vitals: () => this.#vitals(),
        probe: (answered) => this.#probe(answered),
        heir: () => world.tabs.find((tab) => tab.election?.leader?.id === this.id)?.id ?? null,
      },
    });
  }

  /** @param {number} term */
  #lead(term) {
    this.told.push(`lead in term ${term}`);
    this.world.reigns.push({ id: this.id, term });
    this.connection = { link: 0, connected: false, heardAt: null };
    if (this.world.isServerUp) this.onServer(true);
  }

  #resign() {
    this.told.push("resign");
    this.connection = null;
  }

  #vitals() {
    const { link = 0, connected = false, heardAt = null } = this.connection ?? {};
    return { link, connected, heard: heardAt === null ? null : this.world.now - heardAt };
  }

  /** @param {() => void} answered */
  #probe(answered) {
    const { connection } = this;
    this.tasks.push({
      name: "probe answered",
      run: () => {
        if (this.connection !== connection || !connection || !this.world.isServerUp) return;
        connection.heardAt = this.world.now;
        answered();
      },
    });
  }
}

export class World {
  /** @param {{ Election: typeof Election, locks: boolean }} parts */
  constructor({ Election, locks }) {
    this.Election = Election;
    this.locks = locks ? new LockManager() : null;
    this.now = 1000;
    this.timerCount = 0;
    this.isServerUp = true;
    /** @type {SimulatedTab[]} in the order of their ids */
    this.tabs = [];
    /** @type {Map<string, Record<string, any>[]>} by "sender>receiver" */
    this.channel = new Map();
    /** @type {{ id: string, term: number }[]} */
    this.reigns = [];
  }

  /** @param {string} id */
  open(id) {
    const tab = new SimulatedTab(this, id);
    this.tabs = [...this.tabs.filter((other) => other.id !== id), tab].sort((a, b) => (a.id < b.id ? -1 : 1));
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
      if (tab.id === sender.id || tab.condition === "gone") continue;
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
    else if (verb === "nudge") this.tab(object).election.nudge();
    else this.#change(this.tab(object), verb);
  }

  /** @param {SimulatedTab} tab @param {string} verb */
  #change(tab, verb) {
    if (verb === "close" || verb === "freeze") tab.election.withdraw(verb);
    if (verb === "close" || verb === "crash") this.#remove(tab);
    else if (verb === "freeze") tab.condition = "frozen";
    else if (verb === "wedge") tab.condition = "wedged";
    else if (verb === "stop") tab.condition = "stopped";
    else if (verb === "revive") this.#revive(tab);
    else throw new Error(`unknown action ${verb}`);
  }

  /** @param {SimulatedTab} tab */
  #revive(tab) {
    const wasFrozen = tab.condition === "frozen";
    tab.condition = "running";
    if (wasFrozen) tab.election.start();
  }

  /** @param {SimulatedTab} tab */
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
    this.tab(pair.split(">")[1]).election.receive(/** @type {any} */ (message));
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
    for (let steps = 0; steps < 2000; ) {
      const pending = this.pending();
      for (const action of pending) if (this.#isPossible(action)) this.perform(action);
      steps += pending.length || 1;
      if (pending.length) continue;
      const next = this.#nextToFire();
      if (!next || next.nextTimer.due > this.now) return;
      next.fireTimer();
    }
    throw new Error("the tabs never fall silent");
  }

  /** Whether an action is still pending, after others. @param {string} action */
  #isPossible(action) {
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
