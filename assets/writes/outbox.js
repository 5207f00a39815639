// @ts-check
/**
 * Shows writes at once, keeps them in the browser's queue, and sends them in their order. All tabs show what one of them
 * writes; the leader sends it. What the server refuses is taken back, and its author is told why.
 */

import { reactive } from "vue";
import { FORMAT, SIZE_LIMIT, areAll, fitting, isEntry, isOutcome, sizeOf } from "./entries.js";

export const BATCH = 50; // the server takes no more at a time
export const RETRY_MS = 1000;
export const LONG_MS = 2000; // a person is told of what waits for longer

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./entries.js").RowId} RowId
 * @typedef {import("./entries.js").Outcome} Outcome
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
   * @param {import("../streams/store.js").Store} parts.store
   * @param {import("../tabs/tab.js").Tab} parts.tab
   * @param {(like: RowId) => RowId} parts.makeRowId makes an id of the same kind
   * @param {(entry: Entry, outcome: Outcome) => void} parts.explain tells a person what became of a write
   */
  constructor({ queue, store, tab, makeRowId, explain }) {
    this.queue = queue;
    this.store = store;
    this.tab = tab;
    this.makeRowId = makeRowId;
    this.explain = explain;
    /** How many writes have waited for long: what a page may show. */
    this.view = reactive({ waiting: 0 });
    /** @type {Map<number, Shown>} what is shown before the server shows it, by its place in the order */
    this.shown = new Map();
    /** @type {Map<number, Outcome>} of writes of this tab that were decided before it knew their place in the order */
    this.early = new Map();
    /** @type {Entry[]} of this moment, of which the other tabs have yet to hear */
    this.kept = [];
    /** @type {Line | null} of the latest connection that this tab had itself */
    this.line = null;
    this.isSending = false;
    this.singly = -1; // writes up to this number are sent one by one, because together they could not be done
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

  /** @param {Omit<Entry, "sequence">} entry @param {Shown} shown @returns {Promise<boolean>} whether there was room for it */
  async #keep(entry, shown) {
    try {
      if (sizeOf(entry) > SIZE_LIMIT) throw new Error("This is too long to be sent");
      const sequence = await this.queue.add(entry);
      shown.entry = { ...entry, sequence };
      this.shown.set(sequence, shown);
      const early = this.early.get(sequence);
      if (early) this.#decided([shown.entry], [early]);
    } catch (error) {
      const isFull = error instanceof DOMException;
      const why = isFull ? "This browser has no room to keep the change" : /** @type {Error} */ (error).message;
      this.#settle(shown, { sequence: -1, state: "refused", errors: [why] });
      return false;
    }
    this.#tell(shown.entry);
    return true;
  }

  /** A write of this tab is in the queue: the others hear of it, in one message of all that were kept in one moment. @param {Entry} entry */
  #tell(entry) {
    if (this.kept.push(entry) > 1) return;
    queueMicrotask(() => {
      const entries = this.kept.splice(0);
      const { leader } = this.tab.election;
      if (this.tab.carrier) this.#wrote(entries);
      else if (leader) this.tab.post({ type: "wrote", to: leader.id, ...told(entries) });
    });
  }

  // the tab calls these four methods, see Relay in tab.js

  /** This tab joins a leader. Meanwhile writes may have been decided: they are no longer in the queue. */
  versions() {
    this.#show();
    return {};
  }

  /** @param {Line} line */
  connected(line) {
    this.line = line;
    this.isSending = false;
    this.#show();
    this.#send();
  }

  /** The server sends answers only, so no event is for this relay. */
  fromServer() {
    return false;
  }

  /** @param {Message} message @param {"leader" | "follower"} sender */
  fromTab(message, sender) {
    const { entry, more = [], entries, outcomes } = message;
    if (message.type === "leave") {
      this.#show().then(() => this.#send()); // what that tab has kept last, it may not have lived to tell
    } else if (message.type === "wrote" && isEntry(entry) && areAll(more, isEntry)) {
      if (sender === "follower") this.#wrote([entry, ...more]);
      for (const written of [entry, ...more]) this.#showOther(written);
    } else if (message.type === "decided" && sender === "leader") {
      if (areAll(entries, isEntry) && areAll(outcomes, isOutcome)) this.#decided(entries, outcomes);
    }
  }

  /** Writes are in the queue: the leader tells the other tabs, and sends them. @param {Entry[]} entries */
  #wrote(entries) {
    this.line?.post("wrote", told(entries));
    this.#send();
  }

  /** Show all writes that wait in the queue, and take back what is shown of others. */
  async #show() {
    if (!this.queue.isOpen) return;
    const known = [...this.shown.values()];
    const entries = await this.queue.entries();
    const waiting = new Set(entries.map(({ sequence }) => sequence));
    for (const shown of known) {
      if (!waiting.has(shown.entry.sequence)) this.#settle(shown, null);
    }
    for (const entry of entries) this.#showOther(entry);
    this.#count();
  }

  /** Show a write of another tab, once. A tab shows its own writes itself. @param {Entry} entry */
  #showOther(entry) {
    if (this.shown.has(entry.sequence) || entry.tab === this.tab.id) return;
    this.shown.set(entry.sequence, this.#showOne(entry));
  }

  /** @param {Entry} entry @param {boolean} [explainsItself] @returns {Shown} */
  #showOne(entry, explainsItself = false) {
    const { stream, action, id, shows } = entry;
    const write = { action, id, values: shows };
    const state = this.store.find(stream, id, shows); // none on a page without the stream; but it may lead, and send
    state?.show(write);
    setTimeout(() => this.#count(), LONG_MS);
    /** @type {(outcome: Outcome) => void} */
    let decide = () => {};
    const decided = new Promise((resolve) => (decide = resolve));
    return { entry, write, state, decide, decided, explainsItself };
  }

  async #send() {
    if (!this.line || this.isSending || !this.queue.isOpen) return;
    this.isSending = true;
    const { line } = this;
    const [found, { id, confirmed }] = await Promise.all([this.queue.entries(BATCH), this.queue.place()]);
    if (line !== this.line) return; // the next connection sends
    if (!found.length) {
      this.isSending = false;
      this.#show(); // another tab may have sent what is shown here
      return;
    }
    const entries = found[0].sequence <= this.singly ? found.slice(0, 1) : fitting(found);
    const writes = entries.map(({ sequence, stream, action, id, values, was }) => {
      return { sequence, stream, action, id, values, was };
    });
    line.request("todosync_write", { queue: id, confirmed, writes }, async (answer) => {
      if (answer.ok) await this.#onAnswer(line, entries, answer.outcomes);
      else await this.#onFailure(line, entries, answer.reason);
      if (line !== this.line) return;
      this.isSending = false;
      this.#send();
    });
  }

  /** @param {Line} line @param {Entry[]} entries @param {Outcome[]} outcomes */
  async #onAnswer(line, entries, outcomes) {
    const decided = new Map(outcomes.map((outcome) => [outcome.sequence, outcome.state]));
    const moves = entries
      .filter(({ sequence, action }) => action === "insert" && decided.get(sequence) === "taken")
      .map(({ stream, id }) => ({ stream, from: id, to: this.makeRowId(id) }));
    await this.queue.remove([...decided.keys()], moves);
    line.post("decided", { entries, outcomes });
    this.#decided(entries, outcomes);
    this.#tellForOthers(entries, outcomes);
  }

  /** @param {Line} line @param {Entry[]} entries @param {string} [reason] */
  async #onFailure(line, entries, reason) {
    if (reason === "queue") await this.queue.renew();
    else if (reason === "unavailable" || reason === "leader") {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * (0.5 + Math.random())));
    } else if (entries.length > 1) this.singly = entries[entries.length - 1].sequence;
    else {
      const errors = ["The server could not do this change"];
      await this.#onAnswer(line, entries, [{ sequence: entries[0].sequence, state: "refused", errors }]);
    }
  }

  /** @param {Entry[]} entries @param {Outcome[]} outcomes */
  #decided(entries, outcomes) {
    for (const outcome of outcomes) {
      const shown = this.shown.get(outcome.sequence);
      const isOurs = entries.some(({ sequence, tab }) => sequence === outcome.sequence && tab === this.tab.id);
      if (shown) this.#settle(shown, outcome);
      else if (isOurs) this.early.set(outcome.sequence, outcome);
    }
    this.#count();
  }

  /** Tell what became of the writes of tabs that are gone, in their place. @param {Entry[]} entries @param {Outcome[]} outcomes */
  #tellForOthers(entries, outcomes) {
    const carried = this.tab.carrier?.carried;
    for (const outcome of outcomes) {
      const entry = entries.find(({ sequence }) => sequence === outcome.sequence);
      if (entry && entry.tab !== this.tab.id && !carried?.has(entry.tab)) this.explain(entry, outcome);
    }
  }

  /** @param {Shown} shown @param {Outcome | null} outcome null where nobody has told it */
  #settle(shown, outcome) {
    const { entry, write, state, decide, explainsItself } = shown;
    this.shown.delete(entry.sequence);
    this.early.delete(entry.sequence);
    if (outcome?.state === "done" && outcome.version) {
      write.version = outcome.version;
      state?.settleLater(write);
    } else {
      state?.settle(write);
    }
    if (!outcome) return;
    const isExplained = explainsItself && outcome.state === "refused" && !outcome.gone;
    if (entry.tab === this.tab.id && !isExplained) this.explain(entry, outcome);
    decide(outcome);
  }

  /** Whether a write to a row has waited for long. @param {string} stream @param {RowId} id */
  isLate(stream, id) {
    // the count is reactive: what renders by it is rendered again when it has changed
    return this.view.waiting > 0 && this.#late().some(({ entry }) => entry.stream === stream && entry.id === id);
  }

  #count() {
    this.view.waiting = this.#late().length;
  }

  #late() {
    const limit = Date.now() - LONG_MS;
    return [...this.shown.values()].filter(({ entry }) => entry.at <= limit);
  }
}

/** Writes as a message has them. @param {Entry[]} entries */
function told([entry, ...more]) {
  return more.length ? { entry, more } : { entry };
}
