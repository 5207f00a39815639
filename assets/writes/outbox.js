// @ts-check
/**
 * Shows a person's writes at once, keeps them in the browser's queue, and has them sent in their order. All tabs of the
 * person show what one of them writes; the leader sends it. What the server refuses is taken back, and its author is told
 * why. What waits can be seen, and dropped.
 *
 * The module is long because whatever happens to a write, in this tab or another one, passes here.
 */

import { reactive } from "vue";
import {
  FORMAT,
  SIZE_LIMIT,
  areAll,
  isEntry,
  isMove,
  isOutcome,
  isToBeTold,
  sizeOf,
  withDependents,
} from "./entries.js";
import { Sender } from "./sender.js";

export const LONG_MS = 2000; // a person is told of what waits for longer

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./entries.js").RowId} RowId
 * @typedef {import("./entries.js").Outcome} Outcome
 * @typedef {import("./entries.js").Move} Move
 * @typedef {import("./queue.js").Queue} Queue
 * @typedef {import("../tabs/tab.js").Line} Line
 * @typedef {import("../tabs/election.js").Message} Message
 * @typedef {Promise<Outcome> & { kept: Promise<boolean> }} Written what becomes of a write, and whether it is in the queue
 * @typedef {import("./entries.js").Shown} Shown
 */

export class Outbox {
  /**
   * @param {object} parts
   * @param {Queue} parts.queue
   * @param {string} [parts.person] whose queue it is, as the page was told; empty for nobody
   * @param {import("../streams/store.js").Store} parts.store
   * @param {import("../tabs/tab.js").Tab} parts.tab
   * @param {(like: RowId) => RowId} parts.makeRowId makes an id of the same kind
   * @param {(entry: Entry, outcome: Outcome) => void} parts.explain tells a person what became of a write
   * @param {(sequences: number[]) => void} [parts.onRead] another tab has told the person of refusals
   * @param {(error: string) => void} [parts.onOther] tells the person that somebody else is signed in
   */
  constructor({ queue, person = "", store, tab, makeRowId, explain, onRead = () => {}, onOther = () => {} }) {
    this.queue = queue;
    this.person = person;
    this.store = store;
    this.tab = tab;
    this.explain = explain;
    this.onRead = onRead;
    /** How many writes have waited for long: what a page may show. `changes` rises with each change of what waits. */
    this.view = reactive({ waiting: 0, changes: 0 });
    /** @type {Map<number, Shown>} what is shown before the server shows it, by its place in the order */
    this.shown = new Map();
    /** @type {Map<number, () => void>} what to do with writes of this tab that were decided before it knew their place */
    this.early = new Map();
    /** @type {Entry[]} of this moment, of which the other tabs have yet to hear */
    this.kept = [];
    this.hasTold = false;
    this.sender = new Sender({
      queue,
      person,
      tabId: tab.id,
      makeRowId,
      onDecided: (entries, outcomes, moved) => this.#onDecided(entries, outcomes, moved),
      onIdle: () => this.#show(), // another tab may have sent what is shown here
      onOther,
    });
    this.opening = queue.opening.then(() => this.#show(), console.warn);
  }

  /**
   * Show a write, keep it, and have it sent.
   * @param {string} stream @param {string} action @param {RowId} id @param {Record<string, any>} values
   * @param {{ was?: Record<string, any>, shows?: Record<string, any>, name?: string, explainsItself?: boolean }} [more] see
   *   {@link Entry}; and whether the caller tells the person of a refusal
   * @returns {Written} as soon as the server has decided
   */
  write(stream, action, id, values, { was = {}, shows = values, name = "", explainsItself = false } = {}) {
    const entry = { format: FORMAT, stream, action, id, values, was, shows, name, tab: this.tab.id, at: Date.now() };
    const shown = this.#showOne(/** @type {Entry} */ (entry), explainsItself);
    return Object.assign(shown.decided, { kept: this.#keep(entry, shown) });
  }

  /** What waits, in its order. @returns {Entry[]} */
  waiting() {
    void this.view.changes; // reactive
    return [...this.shown.values()].map(({ entry }) => entry).sort((a, b) => a.sequence - b.sequence);
  }

  /** What is dropped with a write, that one first. @param {number} sequence */
  droppedWith(sequence) {
    return withDependents(this.waiting(), sequence);
  }

  /**
   * Drop a write that waits, and those that cannot be done without it. @param {number} sequence
   * @returns {Promise<boolean>} false if it may have been sent: then the server decides
   */
  async drop(sequence) {
    const dropped = await this.queue.drop(sequence);
    if (!dropped) {
      this.#show(); // it may have been done
      return false;
    }
    const sequences = dropped.map((entry) => entry.sequence);
    this.#post("dropped", { sequences });
    this.#dropped(sequences);
    return true;
  }

  /** The person has read of refusals. @param {number[]} sequences */
  async read(sequences) {
    this.#post("read", { sequences });
    if (this.queue.isOpen) await this.queue.forgetRefusals(sequences);
  }

  /** How many writes to a stream have waited for long. @param {string} stream @param {import("../streams/store.js").Scope | null} scope */
  pending(stream, scope) {
    void this.view.changes;
    const late = this.view.waiting ? this.#late() : [];
    /** @param {import("../streams/store.js").PendingWrite} write */
    const isIn = ({ places }) => scope === null || [...places.keys()].some((state) => state.scope === scope);
    return late.filter(({ entry, write }) => entry.stream === stream && isIn(write)).length;
  }

  /** Whether a write to a row has waited for long. @param {string} stream @param {RowId} id */
  isLate(stream, id) {
    // the count is reactive: what renders by it is rendered again when it has changed
    return this.view.waiting > 0 && this.#late().some(({ entry }) => entry.stream === stream && entry.id === id);
  }

  /** @param {Omit<Entry, "sequence">} entry @param {Shown} shown @returns {Promise<boolean>} whether there was room for it */
  async #keep(entry, shown) {
    try {
      if (sizeOf(entry) > SIZE_LIMIT) throw new Error("This is too long to be sent");
      const sequence = await this.queue.add(entry);
      shown.entry = { ...entry, sequence };
      this.shown.set(sequence, shown);
      this.early.get(sequence)?.();
    } catch (error) {
      const isFull = error instanceof DOMException;
      const why = isFull ? "This browser has no room to keep the change" : /** @type {Error} */ (error).message;
      this.#settle(shown, { sequence: -1, state: "refused", errors: [why] });
      return false;
    }
    this.view.changes += 1;
    this.#tell(shown.entry);
    return true;
  }

  /** A write of this tab is in the queue: the others hear of it, in one message of all that were kept in one moment. @param {Entry} entry */
  #tell(entry) {
    if (this.kept.push(entry) > 1) return;
    queueMicrotask(() => this.#wrote(this.kept.splice(0)));
  }

  // the tab calls these four methods, see Relay in tab.js

  /** This tab joins a leader. Meanwhile writes may have been decided: they are no longer in the queue. */
  versions() {
    this.#show();
    return {};
  }

  /** @param {Line} line */
  connected(line) {
    this.sender.connect(line);
    this.opening.then(() => {
      this.#show();
      this.sender.send();
      if (!this.hasTold) this.#tellWhatIsLeft(() => true);
      this.hasTold = true;
    });
  }

  /** The server sends answers only, so no event is for this relay. */
  fromServer() {
    return false;
  }

  /** @param {Message} message @param {"leader" | "follower"} sender */
  fromTab(message, sender) {
    const { from, entry, more = [], entries, outcomes, moved = [], sequences } = message;
    if (message.type === "leave") {
      this.#show().then(() => this.sender.send()); // what that tab has kept last, it may not have lived to tell
      this.#tellWhatIsLeft(({ tab }) => tab === from);
      return;
    }
    if ((message.person ?? "") !== this.person) return;
    if (message.type === "wrote" && isEntry(entry) && areAll(more, isEntry)) {
      if (sender === "follower") this.#wrote([entry, ...more]);
      for (const written of [entry, ...more]) this.#showOther(written);
    } else if (message.type === "decided" && sender === "leader") {
      if (areAll(entries, isEntry) && areAll(outcomes, isOutcome) && areAll(moved, isMove))
        this.#decided(entries, outcomes, moved);
    } else if (message.type === "gone" && sender === "leader") {
      this.#show();
    } else if (message.type === "dropped" && areAll(sequences, Number.isSafeInteger)) {
      if (sender === "follower") this.#post("dropped", { sequences });
      this.#dropped(sequences);
    } else if (message.type === "read" && areAll(sequences, Number.isSafeInteger)) {
      if (sender === "follower") this.#post("read", { sequences });
      this.onRead(sequences);
    }
  }

  /** Writes are in the queue: the other tabs hear of them, and the leader sends them. @param {Entry[]} entries */
  #wrote([entry, ...more]) {
    this.#post("wrote", more.length ? { entry, more } : { entry });
    this.sender.send();
  }

  /**
   * To all tabs that follow, or to the leader, which passes it on; while it has no connection, too.
   * @param {string} type @param {object} content
   */
  #post(type, content) {
    const { carrier, election } = this.tab;
    const address = carrier ? { term: carrier.term } : { to: election.leader?.id };
    if (carrier || election.leader) this.tab.post({ type, person: this.person, ...address, ...content });
  }

  /** Show all writes that wait in the queue, and take back what is shown of others. */
  async #show() {
    if (!this.queue.isOpen) return;
    const known = [...this.shown.values()];
    const entries = await this.queue.entries();
    const waiting = new Set(entries.map(({ sequence }) => sequence));
    const gone = known.filter(({ entry }) => !waiting.has(entry.sequence));
    for (const shown of gone) this.#settle(shown, null);
    if (gone.length && this.tab.carrier) this.#post("gone", {}); // the leader before has decided them, and told nobody
    for (const entry of entries) this.#showOther(entry);
    this.#count();
  }

  /** Show a write of another tab, once. A tab shows its own writes itself. @param {Entry} entry */
  #showOther(entry) {
    if (this.shown.has(entry.sequence) || entry.tab === this.tab.id) return;
    this.shown.set(entry.sequence, this.#showOne(entry));
    this.view.changes += 1;
  }

  /** @param {Entry} entry @param {boolean} [explainsItself] @returns {Shown} */
  #showOne(entry, explainsItself = false) {
    const { stream, action, id, shows } = entry;
    const write = this.store.show(stream, { action, id, values: shows });
    setTimeout(() => this.#count(), LONG_MS);
    /** @type {(outcome: Outcome) => void} */
    let decide = () => {};
    const decided = new Promise((resolve) => (decide = resolve));
    return { entry, write, decide, decided, explainsItself };
  }

  /** @param {Entry[]} entries @param {Outcome[]} outcomes @param {Move[]} moved */
  #onDecided(entries, outcomes, moved) {
    this.#post("decided", { entries, outcomes, moved });
    this.#decided(entries, outcomes, moved);
    for (const outcome of outcomes) {
      const entry = entries.find(({ sequence }) => sequence === outcome.sequence);
      if (entry && !this.#isThere(entry.tab)) this.explain(entry, outcome); // in the place of a tab that is gone
    }
  }

  /** @param {Entry[]} entries @param {Outcome[]} outcomes @param {Move[]} moved */
  #decided(entries, outcomes, moved) {
    for (const move of moved) this.#move(move);
    for (const outcome of outcomes) {
      if (outcome.state === "taken") continue; // it waits again, at the end of the queue
      const shown = this.shown.get(outcome.sequence);
      const isOurs = entries.some(({ sequence, tab }) => sequence === outcome.sequence && tab === this.tab.id);
      if (shown) this.#settle(shown, outcome);
      else if (isOurs) this.early.set(outcome.sequence, () => this.#decided(entries, [outcome], []));
    }
    this.#count();
  }

  /** The id of a new row was taken: what is shown of it has another one. @param {Move} move */
  #move({ from, entry }) {
    const shown = this.shown.get(from);
    this.early.delete(from);
    if (!shown) {
      if (entry.tab === this.tab.id) this.early.set(from, () => this.#move({ from, entry }));
      else this.#showOther(entry);
      return;
    }
    const { stream, action, id, shows } = entry;
    this.shown.delete(from);
    this.store.settle(shown.write);
    const known = this.shown.get(entry.sequence); // it was found in the queue
    if (known) this.store.settle(known.write);
    Object.assign(shown, { entry, write: this.store.show(stream, { action, id, values: shows }) });
    this.shown.set(entry.sequence, shown);
    this.early.get(entry.sequence)?.();
  }

  /** Writes are no longer in the queue, because the person has dropped them. @param {number[]} sequences */
  #dropped(sequences) {
    for (const sequence of sequences) {
      const shown = this.shown.get(sequence);
      if (shown) this.#settle(shown, { sequence, state: "dropped" });
    }
    this.#count();
  }

  /** Whether a tab is this one, or follows it. @param {string} tab */
  #isThere(tab) {
    return tab === this.tab.id || this.tab.carrier?.carried.has(tab) === true;
  }

  /** Tell of refusals that the person has not read yet, of tabs that are gone. @param {(entry: Entry) => boolean} isMeant */
  async #tellWhatIsLeft(isMeant) {
    if (!this.queue.isOpen) return;
    for (const { entry, outcome } of await this.queue.refusals()) {
      if (isMeant(entry) && !this.#isThere(entry.tab)) this.explain(entry, outcome);
    }
  }

  /** @param {Shown} shown @param {Outcome | null} outcome null where nobody has told it */
  #settle(shown, outcome) {
    const { entry, write, decide, explainsItself } = shown;
    this.shown.delete(entry.sequence);
    this.early.delete(entry.sequence);
    if (outcome?.state === "done") this.store.settleLater(write, outcome.version, outcome.versions);
    else this.store.settle(write);
    if (!outcome) return;
    if (entry.tab === this.tab.id && outcome.state !== "dropped") {
      const isExplained = explainsItself && isToBeTold(entry, outcome) && !outcome.gone;
      if (!isExplained) this.explain(entry, outcome);
      else if (outcome.sequence >= 0) this.read([outcome.sequence]);
    }
    decide(outcome);
  }

  #count() {
    this.view.waiting = this.#late().length;
    this.view.changes += 1;
  }

  #late() {
    const limit = Date.now() - LONG_MS;
    return [...this.shown.values()].filter(({ entry }) => entry.at <= limit);
  }
}
