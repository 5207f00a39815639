// @ts-check
/** A leader's side of the queue: sends what waits, in its order, and hands on what the server has decided. */

import { fitting, isToBeTold } from "./entries.js";

export const BATCH = 50; // the server takes no more at a time
export const RETRY_MS = 1000;
export const PERSON_RETRY_MS = 30000; // somebody else is signed in, perhaps for long

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./entries.js").Move} Move
 * @typedef {import("./entries.js").RowId} RowId
 * @typedef {import("./entries.js").Outcome} Outcome
 * @typedef {import("../tabs/tab.js").Line} Line
 */

export class Sender {
  /**
   * @param {object} parts
   * @param {import("./queue.js").Queue} parts.queue
   * @param {string} parts.person whose queue it is
   * @param {string} parts.tabId
   * @param {(like: RowId) => RowId} parts.makeRowId makes an id of the same kind
   * @param {(entries: Entry[], outcomes: Outcome[], moved: Move[]) => void} parts.onDecided
   * @param {() => void} parts.onIdle nothing waits
   * @param {(error: string) => void} parts.onOther somebody else is signed in
   */
  constructor({ queue, person, tabId, makeRowId, onDecided, onIdle, onOther }) {
    this.queue = queue;
    this.person = person;
    this.tabId = tabId;
    this.makeRowId = makeRowId;
    this.onDecided = onDecided;
    this.onIdle = onIdle;
    this.onOther = onOther;
    /** @type {Line | null} of the latest connection that this tab had itself */
    this.line = null;
    this.isSending = false;
    this.singly = -1; // writes up to this number are sent one by one, because together they could not be done
  }

  /** @param {Line} line */
  connect(line) {
    this.line = line;
    this.isSending = false;
  }

  /** Send what waits, unless that is being done. */
  async send() {
    const { line, queue } = this;
    if (!line?.isOpen() || this.isSending || !queue.isOpen) return;
    this.isSending = true;
    const taken = await queue.take(this.tabId, BATCH, (first) => this.#choose(first)).catch(() => null);
    if (line !== this.line) return; // the next connection sends
    if (!taken) {
      await pause(RETRY_MS); // the browser has no room to note what is sent
      this.#goOn(line);
      return;
    }
    const { entries, place, sent } = taken;
    if (!line.isOpen()) {
      this.isSending = false;
      await queue.putBack(this.tabId, sent);
      return;
    }
    if (!entries.length) {
      this.isSending = false;
      this.onIdle();
      return;
    }
    const writes = entries.map(({ sequence, stream, action, id, values, was }) => {
      return { sequence, stream, action, id, values, was };
    });
    const batch = { queue: place.id, person: this.person, confirmed: place.confirmed, writes };
    line.request("todosync_write", batch, async (answer) => {
      if (!queue.isOpen) return; // the person has signed out
      if (answer.ok) await this.#onAnswer(entries, answer.outcomes);
      else await this.#onFailure(entries, sent, answer);
      this.#goOn(line);
    });
  }

  /** @param {Line} line */
  #goOn(line) {
    if (line !== this.line) return;
    this.isSending = false;
    this.send();
  }

  /** @param {Entry[]} first */
  #choose(first) {
    return first.length && first[0].sequence <= this.singly ? first.slice(0, 1) : fitting(first);
  }

  /** @param {Entry[]} entries @param {Outcome[]} outcomes */
  async #onAnswer(entries, outcomes) {
    const decided = outcomes.flatMap((outcome) => {
      const entry = entries.find(({ sequence }) => sequence === outcome.sequence);
      return entry ? [{ entry, outcome }] : [];
    });
    const moves = decided
      .filter(({ entry, outcome }) => entry.action === "insert" && outcome.state === "taken")
      .map(({ entry: { stream, id } }) => ({ stream, from: id, to: this.makeRowId(id) }));
    const refusals = decided.filter(({ entry, outcome }) => isToBeTold(entry, outcome));
    await this.queue.correct(entries, outcomes);
    const moved = await this.queue.remove(
      outcomes.map(({ sequence }) => sequence),
      moves,
      refusals,
    );
    this.onDecided(entries, outcomes, moved);
  }

  /** @param {Entry[]} entries @param {number} sent @param {{ reason?: string, error?: string }} answer */
  async #onFailure(entries, sent, { reason, error = "" }) {
    await this.queue.putBack(this.tabId, sent);
    if (reason === "queue") await this.queue.renew();
    else if (reason === "unavailable" || reason === "leader") await pause(RETRY_MS * (0.5 + Math.random()));
    else if (reason === "person") {
      this.onOther(error);
      await pause(PERSON_RETRY_MS);
    } else if (entries.length > 1) this.singly = entries[entries.length - 1].sequence;
    else {
      const errors = ["The server could not do this change"];
      await this.#onAnswer(entries, [{ sequence: entries[0].sequence, state: "refused", errors }]);
    }
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
