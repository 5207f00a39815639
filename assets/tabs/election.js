// @ts-check
/**
 * Who of a browser's tabs leads. Pure logic: the channel, the lock and the clock are handed in, so that a test can run
 * it without a browser. docs/protocol.md describes the protocol.
 *
 * Where there are locks, the lock decides; the messages then only tell who holds it, and find out a holder that does
 * not answer. Where there are none, the messages decide.
 *
 * The module is long because it is one state machine: every answer depends on the state that the others have left.
 */

export const DISCOVER_TIMEOUT_MS = 500; // a question that nobody answered for this long is acted upon
export const PING_INTERVAL_MS = 2000;
export const SILENCE_MS = 5000; // a leader without a sign of life for this long is suspected
export const HANDOVER_MS = 2000; // a lock that was let go reaches a tab that runs within this time
export const STEAL_BACKOFF_MS = 2000; // doubled with each steal ...
export const STEAL_BACKOFF_MAX_MS = 60000; // ... up to this
export const CALM_MS = 30000; // a leader heard this long after the last steal makes earlier ones forgotten
export const TICK_MS = 1000;
export const TERM_MAX = 2 ** 52; // beyond it, one more could be the same number

/**
 * @typedef {{ type: string, from: string, term?: number } & Record<string, any>} Message
 * @typedef {{ id: string, term: number, link: number, connected: boolean }} KnownLeader
 * @typedef {object} Clock
 * @property {() => number} now ms, never going backwards
 * @property {(run: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @typedef {object} LockRequest
 * @property {boolean} steal
 * @property {() => void} granted this tab holds the lock from now on
 * @property {() => void} lost another tab has stolen it
 * @property {() => void} failed there are no locks to be had here, after all
 * @typedef {{ request(request: LockRequest): () => void }} Locks `request` returns a function that cancels the request
 *   or releases the lock
 * @typedef {{ link: number, connected: boolean, heard: number | null }} Vitals of a leader's connection; `heard` is the
 *   time in ms since the server was last heard
 * @typedef {Message & Vitals & { beat: number }} Ping `beat` is the time in ms since a timer last ran in the leader
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
    /** @type {KnownLeader | null} while this tab follows */
    this.leader = null;
    this.patientUntil = 0; // silence up to then proves nothing
    this.beatAt = 0; // when a timer last ran here: a frozen tab still handles messages
    this.pingedAt = 0;
    this.askedAt = -Infinity;
    this.steals = 0;
    this.stolenAt = -Infinity;
    /** @type {any} */
    this.tickTimer = null;
    /** @type {any} runs while a `discover` waits for an answer: this tab is in doubt about who leads */
    this.verdictTimer = null;
    /** @type {(() => void) | null} */
    this.dropLock = null;
  }

  /** Take part; safe to call twice. @param {string} reason */
  start(reason = "start") {
    if (this.state !== "out") return;
    this.#seek(SILENCE_MS); // the holder of the lock may still be loading
    this.#tick();
    this.#requestLock("the lock was free");
    this.#discover(reason);
  }

  /** Take no part any more, as a page that is left, cached or frozen; safe to call twice. @param {string} reason */
  withdraw(reason) {
    if (this.state === "out") return;
    const led = this.state === "leader";
    this.state = "out";
    this.leader = null;
    this.clock.clearTimeout(this.tickTimer);
    this.#clearVerdict();
    if (led) this.#sayBye(this.locks ? null : this.listener.heir(), reason);
    this.#releaseLock();
  }

  /** Look at once whether the leader lives: this tab was shown, focused or came back online. */
  nudge(reason = "nudged") {
    if (this.state === "leader") this.#ping();
    else if (this.state !== "out") this.#discover(reason);
  }

  /** Tell the other tabs that the connection of this leader has changed. */
  announce() {
    if (this.state === "leader") this.#ping();
  }

  /** Whether a message is from the leader that this tab follows. @param {Message} message */
  isFromLeader(message) {
    return this.leader !== null && message.from === this.leader.id && message.term === this.leader.term;
  }

  /** @param {Message} message from another tab of this session */
  receive(message) {
    this.highestTerm = Math.max(this.highestTerm, message.term ?? 0);
    if (this.state === "out") return;
    if (message.type === "discover") this.#onDiscover();
    else if (message.type === "ping") this.#onPing(/** @type {Ping} */ (message));
    else if (message.type === "bye") this.#onBye(message);
  }

  #onDiscover() {
    if (this.state !== "leader") return;
    const vitals = this.#vitals();
    if (isSignOfLife(vitals) || !vitals.connected) this.#ping();
    else this.listener.probe(() => this.announce());
  }

  /** @param {Ping} ping */
  #onPing(ping) {
    if (!isSignOfLife(ping)) return;
    const { from: id, term = 0, link, connected } = ping;
    const now = this.clock.now();
    if (this.state === "leader") {
      if (!this.#yieldsTo(ping)) {
        if (outranks(this.term, this.id, term, id)) this.#ping();
        return;
      }
      this.#stepDown(`tab ${short(id)} outranks this one`);
    } else if (this.leader && this.verdictTimer === null && outranks(this.leader.term, this.leader.id, term, id)) {
      // one of them may be gone: this tab asks, though not after each ping, and follows whoever answers
      if (now - this.askedAt >= DISCOVER_TIMEOUT_MS) this.#discover("another tab leads, too");
      return;
    }
    this.leader = { id, term, link, connected };
    this.state = "follower";
    this.patientUntil = now + SILENCE_MS - ageOf(ping);
    if (now - this.stolenAt > CALM_MS) this.steals = 0;
    this.#clearVerdict();
    this.listener.follow(this.leader);
  }

  /** @param {Message} bye */
  #onBye(bye) {
    if (!this.isFromLeader(bye)) return;
    this.#seek(HANDOVER_MS);
    this.listener.lose("the leader left");
    if (!this.locks && bye.heir === this.id) this.#lead("named by the leader that left");
    else this.#discover("the leader left");
  }

  #tick() {
    const now = this.clock.now();
    this.tickTimer = this.clock.setTimeout(() => this.#tick(), TICK_MS);
    const stoodStill = now - this.beatAt > SILENCE_MS; // what was sent meanwhile was no sign of life
    this.beatAt = now;
    if (this.state === "leader") {
      if (stoodStill || now - this.pingedAt >= PING_INTERVAL_MS) this.#ping();
    } else if (now >= this.patientUntil) {
      this.#discover("silence");
    }
  }

  /** Ask who leads, and act if nobody says so in time. @param {string} reason */
  #discover(reason, isRepeated = false) {
    if (this.verdictTimer !== null) return; // has been asked
    this.askedAt = this.clock.now();
    this.send({ type: "discover" });
    this.verdictTimer = this.clock.setTimeout(() => {
      this.verdictTimer = null;
      // a tab that stood still may run its timers before it is handed the answers: it asks once more
      const isLate = this.clock.now() - this.askedAt > DISCOVER_TIMEOUT_MS + TICK_MS;
      if (isLate && !isRepeated) this.#discover(reason, true);
      else this.#onNoAnswer(reason);
    }, DISCOVER_TIMEOUT_MS);
  }

  /** @param {string} reason */
  #onNoAnswer(reason) {
    const isPatient = this.clock.now() < this.patientUntil;
    if (this.leader) {
      if (isPatient) return; // it lived a moment ago and may only be busy
      this.#seek(0);
      this.listener.lose(reason);
    }
    if (!this.locks) this.#lead(reason);
    else if (!isPatient) this.#steal(reason);
  }

  #clearVerdict() {
    this.clock.clearTimeout(this.verdictTimer);
    this.verdictTimer = null;
  }

  /** @param {number} patience ms that a new leader may take to be heard, where the lock decides */
  #seek(patience) {
    this.state = "seeking";
    this.leader = null;
    this.patientUntil = this.clock.now() + patience;
    this.#clearVerdict();
  }

  /** @param {string} reason for leading, once the lock is granted */
  #requestLock(reason, steal = false) {
    if (!this.locks) return;
    let isCurrent = true;
    const drop = this.locks.request({
      steal,
      granted: () => {
        if (isCurrent) this.#lead(reason);
      },
      lost: () => {
        if (!isCurrent) return;
        isCurrent = false;
        if (this.state === "leader") this.#stepDown("another tab took the lock");
        else this.#requestLock("the lock was let go");
      },
      failed: () => {
        if (isCurrent) this.locks = null; // the next unanswered question has this tab lead
      },
    });
    this.dropLock = () => {
      isCurrent = false;
      drop();
    };
  }

  #releaseLock() {
    this.dropLock?.();
    this.dropLock = null;
  }

  /** Take the lock from a holder that does not answer. @param {string} reason */
  #steal(reason) {
    const now = this.clock.now();
    const backoff = Math.min(STEAL_BACKOFF_MAX_MS, STEAL_BACKOFF_MS * 2 ** this.steals);
    if (this.steals > 0 && now - this.stolenAt < backoff) return; // the next tick asks again
    this.steals += 1;
    this.stolenAt = now;
    this.#releaseLock();
    this.#requestLock(`the lock was stolen: ${reason}`, true);
  }

  /** @param {string} reason */
  #lead(reason) {
    this.term = this.highestTerm = Math.min(this.highestTerm + 1, TERM_MAX);
    this.state = "leader";
    this.leader = null;
    this.beatAt = this.clock.now(); // a frozen tab would not have come here
    this.#clearVerdict();
    this.listener.lead(this.term, reason);
    this.#ping();
  }

  /** Whether this leader steps down for another; in the same term the lock, where there is one, has decided. */
  #yieldsTo(/** @type {Message} */ { term = 0, from }) {
    return this.locks ? term > this.term : outranks(term, from, this.term, this.id);
  }

  /** @param {string} reason */
  #stepDown(reason) {
    this.#seek(SILENCE_MS);
    this.#sayBye(null, reason);
    this.#releaseLock();
    this.#requestLock("the lock was let go");
    this.#discover(reason);
  }

  /** @param {string | null} heir @param {string} reason */
  #sayBye(heir, reason) {
    this.send({ type: "bye", term: this.term, heir });
    this.listener.resign(reason);
  }

  #ping() {
    this.pingedAt = this.clock.now();
    this.send({ type: "ping", term: this.term, ...this.#vitals() });
  }

  #vitals() {
    return { beat: this.clock.now() - this.beatAt, ...this.listener.vitals() };
  }
}

/** Whether one leader outranks another: by the higher term, in the same term by the lower TAB_ID. */
export function outranks(
  /** @type {number} */ term,
  /** @type {string} */ id,
  /** @type {number} */ otherTerm,
  /** @type {string} */ otherId,
) {
  return term > otherTerm || (term === otherTerm && id < otherId);
}

/**
 * How long ago a leader was alive for certain. That it answers proves nothing: the message handlers of a frozen tab
 * still run, while its timers and its socket are dead.
 * @param {{ beat: number, heard: number | null }} vitals
 */
function ageOf({ beat, heard }) {
  return Math.min(beat, heard ?? Infinity);
}

/** @param {{ beat: number, heard: number | null }} vitals */
function isSignOfLife(vitals) {
  return ageOf(vitals) <= SILENCE_MS;
}

/** @param {string} id */
export function short(id) {
  return id.slice(0, 4);
}
