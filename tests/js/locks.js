/** Web Locks as specified, for simulated tabs: https://w3c.github.io/web-locks/ */

/**
 * @typedef {import("../../assets/tabs/election.js").LockRequest} LockRequest
 * @typedef {import("./world.js").SimulatedTab} SimulatedTab
 */

/** Its callbacks are tasks of the tab that asked. */
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
    const drop = () => this.#drop(entry);
    drop.isInTime = () => !entry.calledBack;
    return drop;
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

/** Lock managers by the names of their locks. */
export class NamedLocks {
  constructor() {
    /** @type {Map<string, LockManager>} */
    this.managers = new Map();
  }

  /** @param {string} name */
  named(name) {
    const manager = this.managers.get(name) ?? new LockManager();
    this.managers.set(name, manager);
    return manager;
  }

  /** @param {SimulatedTab} tab */
  forget(tab) {
    for (const manager of this.managers.values()) manager.forget(tab);
  }
}
