// @ts-check
/**
 * This tab: takes part in the election, and connects as the result says: with a socket of its own, or over the leader.
 *
 * The module is long because leading, following, leaving and coming back all change the same state of the tab.
 */

import { reactive } from "vue";
import { Carrier } from "./carrier.js";
import { keepDrafts, restoreDrafts } from "./drafts.js";
import { Election, short } from "./election.js";
import { Follower } from "./follower.js";
import { CHANNEL, LOCK, readMessage } from "./messages.js";
import { forgetReloads, mayReload } from "./reloads.js";
import { holdTabLock, webLocks } from "./web_locks.js";

export const RECONNECT_MS = 1000; // a page that breaks its connection has it again after this, half more or less
export const REFUSED_RETRY_MS = 5000; // a socket of its own that was refused is tried again after this
export const RELOAD_SPREAD_MS = 3000; // a server that was restarted is not asked by all its browsers at once

/**
 * @typedef {import("./log.js").EventLog} EventLog
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./tab_socket.js").TabSocket} TabSocket
 * @typedef {import("./election.js").Message} Message
 * @typedef {(type: string, content: Record<string, any>) => void} Post
 * @typedef {object} Line what a relay may use of a connection that this tab has itself
 * @property {(event: string, data: object, onAnswer: (answer: any) => void) => void} request ask the server
 * @property {() => boolean} isOpen whether it is there still, so that what is asked is not kept back
 * @property {Post} post to all tabs that follow
 * @typedef {object} Relay what travels over the browser's socket beside NiceGUI's frames: the tabs do not know what it
 *   is. It lives as long as the page, and the tab calls it
 * @property {() => Record<string, any>} versions what this tab holds: fields of the message by which it joins a leader
 * @property {(line: Line) => void} connected this tab has a connection of its own
 * @property {(event: string, data: any) => boolean} fromServer an event of that connection; returns whether it was for
 *   the relay
 * @property {(message: Message, sender: "leader" | "follower", reply: Post) => void} fromTab a message of the leader that
 *   this tab follows, or of a tab that follows this one; also those by which that has joined, and has left or ended
 */

export class Tab {
  /** @param {{ id: string, session: Session, log: EventLog }} parts */
  constructor({ id, session, log }) {
    this.id = id;
    this.session = session;
    this.log = log;
    /** @type {Relay[]} */
    this.relays = [];
    this.status = reactive({ role: "none", connected: false, leader: "" });
    /** @type {Carrier | null} */
    this.carrier = null;
    /** @type {BroadcastChannel | null} */
    this.channel = null;
    this.stays = 0;
    this.tabLock = "";
    this.releaseTabLock = () => {};
    this.lastQuestion = 0; // the number of the last question; it goes on over all connections, so none comes twice
    this.expired = false;
    this.isOpen = false; // it knows its session
    this.isAway = false; // its page has been left, is frozen, or wants no connection
    this.lostAt = 0;
    this.follower = new Follower({
      tab: this,
      goAlone: (reason) => this.#goAlone(reason),
      changeSession: () => this.#changeSession(),
    });
    this.election = this.#makeElection();
  }

  /**
   * NiceGUI's page wants its socket.
   * @param {TabSocket} socket @param {(changes: object) => any} connectReal opens the real socket
   */
  async open(socket, connectReal) {
    this.socket = socket;
    this.connectReal = connectReal;
    this.#watchPage();
    socket.control = {
      leave: () => this.#leave("the page disconnected"),
      comeBack: () => this.#comeBack("the page connects again"),
      drop: () => this.#drop(),
    };
    restoreDrafts();
    if (!this.session.tag) await this.session.settle(socket.clientId);
    this.isOpen = true;
    if (typeof BroadcastChannel === "undefined") this.#goAlone("this browser has no BroadcastChannel");
    else if (/** @type {any} */ (document).prerendering) this.#waitUntilShown();
    else this.#takePart();
  }

  /** The page keeps NiceGUI's own socket. @param {any} socket @param {string} clientId @param {string} reason */
  openPlain(socket, clientId, reason) {
    const nothing = () => {};
    this.socket = /** @type {any} */ ({
      clientId,
      attach: nothing,
      detach: nothing,
      dispatch: nothing,
      expire: nothing,
      query: nothing,
    });
    this.connectReal = () => socket;
    this.#goAlone(reason);
  }

  /** Post to the other tabs. @param {{ type: string } & Record<string, any>} message */
  post(message) {
    this.channel?.postMessage({ from: this.id, ...this.session.mark, ...message });
  }

  /** @param {boolean} connected */
  setConnected(connected) {
    if (connected !== this.status.connected) this.log.add("cable", connected ? "connected" : "disconnected");
    this.status.connected = connected;
  }

  /**
   * The server knows this page no more: leave the lead to others, and load the page again, not all pages at the same time.
   * If the server does not know it after that either, its requests may reach another process than its socket. Then it is not
   * loaded again, but takes a socket of its own.
   * @param {import("./reloads.js").Refuser} refuser
   */
  expire(refuser) {
    if (this.expired) return;
    if (!mayReload(refuser)) {
      if (this.status.role === "alone") setTimeout(() => this.carrier?.checkConnection(), REFUSED_RETRY_MS);
      else this.#goAlone(`the ${refuser} does not know this page, which was loaded again for that`);
      return;
    }
    this.expired = true;
    this.log.add("cable", "the server has forgotten this page, which is loaded again");
    this.election.withdraw("the page is loaded again");
    setTimeout(() => {
      keepDrafts();
      this.socket?.expire();
    }, Math.random() * RELOAD_SPREAD_MS);
  }

  /** The server knows this page. */
  noteKnown() {
    // a tab that is alone has its own connection: the leader's may still lead to another process
    forgetReloads("server", ...(this.status.role === "alone" ? [] : /** @type {const} */ (["leader's server"])));
  }

  #makeElection() {
    return new Election({
      id: this.id,
      send: (message) => this.post(message),
      locks: webLocks(() => `${LOCK}:${this.session.tag}`),
      clock: {
        now: () => performance.now(), // the time of day may be set back
        setTimeout: (run, ms) => setTimeout(run, ms),
        clearTimeout: (timer) => clearTimeout(timer),
      },
      listener: {
        lead: (term, reason) => this.#lead(term, reason),
        resign: (reason) => this.#resign(reason),
        follow: (leader) => this.#follow(leader),
        lose: (reason) => this.#lose(reason),
        vitals: () => this.carrier?.vitals() ?? { link: 0, connected: false, heard: null },
        probe: (answered) => this.carrier?.probe(answered),
        heir: () => this.carrier?.heir() ?? null,
      },
    });
  }

  #takePart() {
    if (this.isAway || !this.isOpen) return;
    this.channel = new BroadcastChannel(CHANNEL);
    this.channel.onmessage = (event) => this.#receive(event.data);
    // each stay has a lock of its own: a leader that waited for the one before may hold that, and hang
    this.tabLock = `${this.id}:${++this.stays}`;
    // the election begins when the lock is held: a leader that asked for it before this tab would get it
    this.releaseTabLock = holdTabLock(this.tabLock, () => this.election.start());
  }

  /** @param {string} reason */
  #takeNoPart(reason) {
    this.election.withdraw(reason);
    this.releaseTabLock();
    this.channel?.close(); // a message would evict a page from the back-forward cache
    this.channel = null;
  }

  #watchPage() {
    window.addEventListener("pagehide", () => this.#leave("the page was left"));
    window.addEventListener("pageshow", (event) => event.persisted && this.#comeBack("the page came back"));
    document.addEventListener("freeze", () => this.#leave("the page was frozen"));
    document.addEventListener("resume", () => this.#comeBack("the page was thawed"));
    document.addEventListener("visibilitychange", () => document.hidden || this.#look("the page was shown"));
    window.addEventListener("focus", () => this.#look("the page was focused"));
    window.addEventListener("online", () => this.#look("the browser came online"));
    window.addEventListener("offline", () => this.#yield("this tab is offline"));
  }

  /** @param {any} data */
  #receive(data) {
    const message = readMessage(data);
    if (!message || message.from === this.id) return;
    if (message.session !== this.session.tag) {
      this.session.meet(/** @type {any} */ (message), this.socket?.clientId, () => this.#changeSession());
      return;
    }
    if ((message.to ?? this.id) !== this.id) return;
    this.election.receive(message);
    if (this.election.state === "leader") this.carrier?.receive(message);
    else if (this.election.isFromLeader(message)) this.#receiveFromLeader(message);
  }

  /** @param {Message} message */
  #receiveFromLeader(message) {
    if (this.follower.receive(message)) return;
    this.relay(message, "leader", (type, content) => this.post({ type, to: message.from, ...content }));
  }

  /** Hand a message to the relays. @param {Message} message @param {"leader" | "follower"} sender @param {Post} reply */
  relay(message, sender, reply) {
    for (const relay of this.relays) relay.fromTab(message, sender, reply);
  }

  /** @param {number} term @param {string} reason */
  #lead(term, reason) {
    this.follower.stop();
    this.log.add("leader", `this tab leads in term ${term}: ${reason}${this.#sinceLoss()}`);
    Object.assign(this.status, { role: "leader", leader: this.id });
    this.#carry(term);
  }

  /** @param {number} term */
  #carry(term) {
    if (this.isAway) return; // `#comeBack` connects it
    this.carrier = new Carrier({ tab: this, term, connectReal: /** @type {any} */ (this.connectReal) });
  }

  /** @param {string} reason */
  #resign(reason) {
    this.log.add("leader", `this tab no longer leads: ${reason}`);
    this.carrier?.close();
    this.carrier = null;
    this.#disconnect();
  }

  /** @param {import("./election.js").KnownLeader} leader */
  #follow(leader) {
    if (this.status.leader !== leader.id) {
      this.log.add("follower", `following tab ${short(leader.id)} in term ${leader.term}${this.#sinceLoss()}`);
    }
    Object.assign(this.status, { role: "follower", leader: leader.id });
    this.follower.follow(leader);
  }

  /** @param {string} reason */
  #lose(reason) {
    this.log.add("follower", `no leader: ${reason}`);
    this.#disconnect();
  }

  #disconnect() {
    this.lostAt = Date.now();
    this.follower.stop();
    Object.assign(this.status, { role: "none", leader: "" });
    this.setConnected(false);
    this.socket?.detach();
  }

  #sinceLoss() {
    const duration = this.lostAt ? `, ${Date.now() - this.lostAt} ms after the last leader was lost` : "";
    this.lostAt = 0;
    return duration;
  }

  /** @param {string} reason */
  #goAlone(reason) {
    this.#takeNoPart(reason);
    this.log.add("cable", `this tab keeps a socket of its own: ${reason}`);
    Object.assign(this.status, { role: "alone", leader: this.id });
    this.#carry(0);
  }

  /** Others may know better whether the leader lives. @param {string} reason */
  #look(reason) {
    if (this.carrier) this.carrier.checkConnection();
    this.election.nudge(reason);
  }

  /** A leader without a network lets another tab try. @param {string} reason */
  #yield(reason) {
    if (this.election.state !== "leader") return;
    this.election.withdraw(reason);
    this.election.start();
  }

  /** @param {string} reason */
  #leave(reason) {
    this.isAway = true;
    this.#sayLeave();
    if (this.status.role === "alone") {
      this.carrier?.close();
      this.carrier = null; // else a look at the page would connect it again
      this.setConnected(false);
      this.socket?.detach();
    } else {
      this.#takeNoPart(reason);
      this.#disconnect();
    }
  }

  /** The page has its connection broken: a leader the browser's, a follower only its own. */
  #drop() {
    if (this.carrier) this.carrier.drop();
    else {
      this.#sayLeave();
      this.setConnected(false);
      this.follower.joinIn(RECONNECT_MS * (0.5 + Math.random()));
    }
  }

  #sayLeave() {
    const { leader } = this.election;
    if (leader) this.post({ type: "leave", to: leader.id, clientId: this.socket?.clientId });
  }

  /** @param {string} reason */
  #comeBack(reason) {
    if (this.socket?.hasLeft) return; // its page wants no connection
    this.isAway = false;
    if (this.channel || this.carrier) return; // it had not left
    this.log.add("cable", reason);
    if (this.status.role === "alone") this.#carry(0);
    else this.#takePart();
  }

  /** The browser has loaded this page before anybody went there: it gets no lock, and hears no other tab. */
  #waitUntilShown() {
    this.#goAlone("it is not shown yet");
    document.addEventListener("prerenderingchange", () => this.#takePartAnew("this page is shown"), { once: true });
  }

  /** This page belongs to another session than it was thought to: take part in that one's election. */
  #changeSession() {
    this.#takePartAnew("this page belongs to another session");
  }

  /** @param {string} reason */
  #takePartAnew(reason) {
    this.#takeNoPart(reason);
    this.carrier?.close(); // it may have gone alone meanwhile
    this.carrier = null;
    this.#disconnect();
    this.#takePart();
  }
}
