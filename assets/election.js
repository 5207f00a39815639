// @ts-check
/**
 * Who of a browser's tabs leads. Pure logic: the channel, the lock and the clock are handed in, so that a test can run
 * it without a browser. The protocol is written down in docs/protocol.md.
 */

export const DISCOVER_TIMEOUT_MS = 500; // no answer to `discover` for this long: nobody leads
export const PING_INTERVAL_MS = 2000;
export const SILENCE_MS = 5000; // no sign of life for this long: the leader is suspected
export const FRESH_MS = 2000; // a leader that heard from the server this recently need not ask it again
export const STEAL_BACKOFF_MS = 2000; // doubled with each steal ...
export const STEAL_BACKOFF_MAX_MS = 60000; // ... up to this
export const CALM_MS = 30000; // a leader that lasted this long makes earlier steals forgotten
const TICK_MS = 1000;

/**
 * @typedef {{ type: string, from: string, term?: number } & Record<string, any>} Message
 * @typedef {{ id: string, term: number, link: number, connected: boolean, seenAt: number }} KnownLeader
 * @typedef {{ now(): number, setTimeout(run: () => void, ms: number): any, clearTimeout(timer: any): void }} Clock
 * @typedef {{ request(options: { steal: boolean, granted: (release: () => void) => void, lost: () => void }):
 *   () => void }} Locks `request` returns a function that cancels the request or releases the lock
 * @typedef {{ link: number, connected: boolean, heard: number | null }} Vitals of a leader's connection; `heard` is the
 *   time in ms since the server was last heard
 * @typedef {object} Listener
 * @property {(term: number, reason: string) => void} lead this tab leads from now on
 * @property {(reason: string) => void} resign this tab does not lead any more
 * @property {(leader: KnownLeader) => void} follow there is a leader, or news of it
 * @property {(reason: string) => void} lose there is no leader that answers
 * @property {() => Vitals} vitals
 * @property {(answered: () => void) => void} probe ask the server for a sign of life
 * @property {() => string | null} heir the tab to lead next where there are no locks
 * @typedef {'out' | 'seeking' | 'follower' | 'leader'} State
 */

export class Election {
  /**
   * @param {object} parts
   * @param {string} parts.id this tab's TAB_ID
   * @param {(message: { type: string } & Record<string, any>) => void} parts.send posts to all other tabs
   * @param {Locks | null} parts.locks null where the browser has none
   * @param {Clock} parts.clock
   * @param {Listener} parts.listener
   */
  constructor({ id, send, locks, clock, listener }) {
    this.id = id;
    this.send = send;
    this.locks = locks;
    this.clock = clock;
    this.listener = listener;
    /** @type {State} */
    this.state = "out";
    this.term = 0; // of this tab, while it leads
    this.highestTerm = 0; // ever heard of
    /** @type {KnownLeader | null} */
    this.leader = null;
    this.beatAt = 0;
    this.pingedAt = 0;
    this.seekingSince = 0;
    this.steals = 0;
    this.stolenAt = -Infinity;
    /** @type {any} */
    this.tickTimer = null;
    /** @type {any} */
    this.verdictTimer = null;
    /** @type {(() => void) | null} */
    this.dropLock = null;
  }

  /** Take part. @param {string} reason */
  start(reason = "start") {
    if (this.state !== "out") return;
    this.#seek();
    this.#tick();
    this.#queueForLock();
    this.#suspect(reason);
  }

  /** Take no part any more: the page is hidden for good, cached or frozen. @param {string} reason */
  withdraw(reason) {
    if (this.state === "out") return;
    const led = this.state === "leader";
    this.state = "out";
    this.leader = null;
    this.clock.clearTimeout(this.tickTimer);
    this.#clearVerdict();
    if (led) {
      this.send({ type: "bye", term: this.term, heir: this.locks ? null : this.listener.heir() });
      this.listener.resign(reason);
    }
    this.#releaseLock();
  }

  /** Look at once whether the leader lives: this tab was shown, focused, thawed or came back online. */
  nudge(reason = "nudged") {
    if (this.state === "leader") this.#ping();
    else if (this.state !== "out") this.#suspect(reason);
  }

  /** Tell the other tabs that the connection of this leader has changed. */
  announce() {
    if (this.state === "leader") this.#ping();
  }

  /** Whether a message is from the leader that this tab follows; others' relays are dropped. @param {Message} message */
  isFromLeader(message) {
    return this.leader !== null && message.from === this.leader.id && message.term === this.leader.term;
  }

  /** @param {Message} message from another tab of this session */
  receive(message) {
    if (this.state === "out") return;
    if (typeof message.term === "number") this.highestTerm = Math.max(this.highestTerm, message.term);
    if (message.type === "discover") this.#onDiscover();
    else if (message.type === "ping") this.#onPing(message);
    else if (message.type === "bye") this.#onBye(message);
    else if (this.leader && this.isFromLeader(message)) this.leader.seenAt = this.clock.now();
  }

  #onDiscover() {
    if (this.state !== "leader") return;
    const { connected, heard } = this.listener.vitals();
    if (connected && (heard === null || heard > FRESH_MS)) this.listener.probe(() => this.announce());
    else this.#ping();
  }

  /** @param {Message} ping */
  #onPing(ping) {
    const term = ping.term ?? 0;
    if (this.state === "leader") {
      if (outranks(term, ping.from, this.term, this.id)) this.#stepDown(`tab ${short(ping.from)} outranks this one`);
      else this.#ping();
      return;
    }
    if (!isSignOfLife(ping)) return;
    if (this.leader && !isSame(this.leader, ping) && !outranks(term, ping.from, this.leader.term, this.leader.id)) {
      this.#suspect("another tab leads, too");
      return;
    }
    const now = this.clock.now();
    this.leader = { id: ping.from, term, link: ping.link, connected: ping.connected, seenAt: now };
    this.state = "follower";
    if (now - this.stolenAt > CALM_MS) this.steals = 0;
    this.#clearVerdict();
    this.listener.follow(this.leader);
  }

  /** @param {Message} bye */
  #onBye(bye) {
    if (!this.leader || !this.isFromLeader(bye)) return;
    this.#seek();
    this.listener.lose("the leader left");
    if (!this.locks && bye.heir === this.id) this.#lead("named by the leader that left");
    else this.#suspect("the leader left");
  }

  #tick() {
    const now = this.clock.now();
    this.beatAt = now;
    this.tickTimer = this.clock.setTimeout(() => this.#tick(), TICK_MS);
    if (this.state === "leader") {
      if (now - this.pingedAt >= PING_INTERVAL_MS) this.#ping();
    } else if (now - (this.leader ? this.leader.seenAt : this.seekingSince) > SILENCE_MS) {
      this.#suspect("silence");
    }
  }

  /** Ask who leads, and act if nobody says so in time. @param {string} reason */
  #suspect(reason) {
    this.send({ type: "discover" });
    if (this.verdictTimer !== null) return;
    const asked = this.clock.now();
    this.verdictTimer = this.clock.setTimeout(() => {
      this.verdictTimer = null;
      if (this.state === "leader" || this.state === "out") return;
      if (this.leader && this.leader.seenAt >= asked) return;
      if (this.leader) {
        this.#seek();
        this.listener.lose(reason);
      }
      if (!this.locks) this.#lead(reason);
      // a lock that was just let go is on its way to the next tab; a holder that was never heard may still be loading
      else if (this.clock.now() - this.seekingSince >= SILENCE_MS || reason !== "start") this.#steal(reason);
    }, DISCOVER_TIMEOUT_MS);
  }

  #clearVerdict() {
    this.clock.clearTimeout(this.verdictTimer);
    this.verdictTimer = null;
  }

  #seek() {
    this.state = "seeking";
    this.leader = null;
    this.seekingSince = this.clock.now();
  }

  #queueForLock(steal = false) {
    if (!this.locks) return;
    let current = true;
    const drop = this.locks.request({
      steal,
      granted: () => {
        if (current && this.state !== "out" && this.state !== "leader") this.#lead(steal ? "stolen" : "lock granted");
      },
      lost: () => {
        if (!current) return;
        this.dropLock = null;
        if (this.state === "leader") this.#stepDown("another tab took the lock");
        else if (this.state !== "out") this.#queueForLock();
      },
    });
    this.dropLock = () => {
      current = false;
      drop();
    };
  }

  #releaseLock() {
    this.dropLock?.();
    this.dropLock = null;
  }

  /** @param {string} reason */
  #steal(reason) {
    const now = this.clock.now();
    const wait = Math.min(STEAL_BACKOFF_MAX_MS, STEAL_BACKOFF_MS * 2 ** this.steals);
    if (this.steals > 0 && now - this.stolenAt < wait) return; // the next tick asks again
    this.steals += 1;
    this.stolenAt = now;
    this.stealReason = reason;
    this.#releaseLock();
    this.#queueForLock(true);
  }

  /** @param {string} reason */
  #lead(reason) {
    this.term = ++this.highestTerm;
    this.state = "leader";
    this.leader = null;
    this.#clearVerdict();
    this.listener.lead(this.term, reason);
    this.#ping();
  }

  /** @param {string} reason */
  #stepDown(reason) {
    this.#seek();
    this.#releaseLock();
    this.listener.resign(reason);
    this.#queueForLock();
    this.#suspect(reason);
  }

  #ping() {
    const now = this.clock.now();
    this.pingedAt = now;
    this.send({ type: "ping", term: this.term, beat: now - this.beatAt, ...this.listener.vitals() });
  }
}

/** The higher term leads; in the same term the lowest TAB_ID. */
export function outranks(
  /** @type {number} */ term,
  /** @type {string} */ id,
  /** @type {number} */ otherTerm,
  /** @type {string} */ otherId,
) {
  return term > otherTerm || (term === otherTerm && id < otherId);
}

/**
 * A frozen leader's message handlers still run while its timers and its socket are dead, so a ping counts only if it
 * tells of a timer or of the server. @param {Message} ping
 */
function isSignOfLife(ping) {
  return Math.min(ping.beat ?? Infinity, ping.heard ?? Infinity) <= SILENCE_MS;
}

/** @param {KnownLeader} leader @param {Message} ping */
function isSame(leader, ping) {
  return leader.id === ping.from && leader.term === ping.term;
}

/** @param {string} id */
export function short(id) {
  return id.slice(0, 4);
}
