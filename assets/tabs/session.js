// @ts-check
/**
 * Which browser session this page belongs to. Tabs of different sessions, in one browser, keep apart.
 *
 * Tabs that are opened at the same moment by a browser without a cookie may get a session each, of which the browser
 * keeps the last. So a page that meets another one of a different session, opened at the same moment, asks the server
 * which session the browser has kept; the server knows whether the page may move to it.
 */

const SESSION_URL = new URL("../session", import.meta.url); // beside the scripts, wherever the app is; see tabs/modules.py
const ANSWERS_MAX = 20; // pages of two sessions that were opened together meet at each ping
const SETTLE_DELAY_MS = 100;

export class Session {
  /** @param {string} tag of the session as the page tells it, empty if it does not */
  constructor(tag) {
    this.tag = tag;
    /** @type {[number, number]} when this page was asked for, and when it began to run */
    this.opened = whenOpened();
    this.asking = false;
    this.answers = 0;
  }

  /** Ask the server. @param {string} clientId @returns {Promise<boolean>} whether it has answered */
  async settle(clientId) {
    try {
      const response = await fetch(SESSION_URL, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ client_id: clientId }),
      });
      if (!response.ok) return false;
      this.tag = (await response.json()).tag;
      return true;
    } catch {
      return false; // the server is away; without a tag the server itself refuses to mix sessions
    }
  }

  /** What other tabs are told. */
  get mark() {
    return { session: this.tag, opened: this.opened };
  }

  /**
   * A message of another session was heard: if the pages were opened together, or this one had no network when it asked
   * for its session, settle again, though not for ever.
   * @param {{ opened: [number, number] }} mark @param {string} clientId
   * @param {() => void} onChange called when this page turns out to belong elsewhere
   */
  meet(mark, clientId, onChange) {
    if (this.asking || (this.tag && !(mark.opened && overlap(this.opened, mark.opened)))) return;
    if (this.answers >= ANSWERS_MAX) return;
    this.asking = true;
    setTimeout(async () => {
      const before = this.tag;
      if (await this.settle(clientId)) this.answers++; // without a network it asks again, however long that lasts
      this.asking = false;
      if (this.tag !== before) onChange();
    }, SETTLE_DELAY_MS);
  }
}

/**
 * When this page was asked for, and when it began to run. The clock may have been set in between, so there are two answers
 * for each; the earlier one for the first and the later one for the second include both.
 * @returns {[number, number]}
 */
function whenOpened() {
  const [now, age] = [Date.now(), performance.now()];
  return [Math.min(performance.timeOrigin, now - age), Math.max(performance.timeOrigin + age, now)];
}

/** @param {[number, number]} a @param {[number, number]} b */
function overlap(a, b) {
  return a[0] < b[1] && b[0] < a[1];
}
