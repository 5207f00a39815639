// @ts-check
/** This tab: takes part in the election and has its link follow from the result. */

import { reactive } from "vue";
import { Carrier } from "./carrier.js";
import { Election, short } from "./election.js";

const CHANNEL = "todos-sync";
const LOCK = "todos-sync-leader";
const JOIN_TIMEOUT_MS = 1000;

/**
 * @typedef {import("./store.js").Store} Store
 * @typedef {import("./log.js").EventLog} EventLog
 * @typedef {import("./tab_socket.js").TabSocket} TabSocket
 * @typedef {import("./election.js").Message} Message
 */

export class Tab {
  /** @param {{ id: string, session: string, store: Store, log: EventLog }} parts */
  constructor({ id, session, store, log }) {
    this.id = id;
    this.session = session;
    this.store = store;
    this.log = log;
    this.status = reactive({ role: "none", connected: false, leader: "" });
    /** @type {TabSocket} */
    this.socket; // eslint-disable-line no-unused-expressions
    /** @type {Carrier | null} */
    this.carrier = null;
    this.joinedTo = "";
    /** @type {any} */
    this.joinTimer = null;
    this.lostAt = 0;
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL);
    this.election = new Election({
      id,
      send: (message) => this.post(message),
      locks: webLocks(`${LOCK}:${session}`),
      clock: {
        now: () => Date.now(),
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

  /**
   * NiceGUI's page wants its socket.
   * @param {TabSocket} socket @param {(changes: object) => any} connectReal opens the real socket
   */
  open(socket, connectReal) {
    this.socket = socket;
    this.connectReal = connectReal;
    if (!this.channel) {
      this.#goAlone("this browser has no BroadcastChannel");
      return;
    }
    this.channel.onmessage = (event) => this.#receive(event.data);
    window.addEventListener("pagehide", () => this.#leave("the page was left"));
    document.addEventListener("freeze", () => this.#leave("the page was frozen"));
    window.addEventListener("pageshow", (event) => event.persisted && this.#comeBack("the page came back"));
    document.addEventListener("resume", () => this.#comeBack("the page was thawed"));
    document.addEventListener("visibilitychange", () => document.hidden || this.election.nudge("the page was shown"));
    window.addEventListener("focus", () => this.election.nudge("the page was focused"));
    window.addEventListener("online", () => this.election.nudge("the browser came online"));
    this.election.start("start");
  }

  /** Post to the other tabs of this session. @param {{ type: string } & Record<string, any>} message */
  post(message) {
    this.channel?.postMessage({ from: this.id, session: this.session, ...message });
  }

  /** A stream's message from the server or from the leader. @param {any} message */
  applyData(message) {
    const { version: before } = this.store.stream(message.stream);
    const result = this.store.apply(message);
    if (result === "applied") {
      this.log.add("broadcast", `${message.stream}: version ${before} → ${message.version}${summary(message)}`);
    }
    return result;
  }

  /** @param {Message} message */
  #receive(message) {
    if (message.session !== this.session) return;
    if (message.to !== undefined && message.to !== this.id) return;
    this.election.receive(message);
    if (this.election.state === "leader") this.carrier?.receive(message);
    else if (this.election.isFromLeader(message)) this.#receiveFromLeader(message);
  }

  /** @param {Message} message */
  #receiveFromLeader(message) {
    if (message.type === "joined") this.#onJoined(message);
    else if (message.type === "ack") this.socket.acknowledge(message.received);
    else if (message.type === "down") this.socket.dispatch(message.event, message.data);
    else if (message.type === "rejoin") this.#join();
    else if (message.type === "data" && this.applyData(message.payload) === "gap") this.#askLeader(message.payload.stream);
  }

  /** @param {number} term @param {string} reason */
  #lead(term, reason) {
    clearTimeout(this.joinTimer);
    this.socket.detach();
    this.log.add("leader", `this tab leads in term ${term}: ${reason}`);
    Object.assign(this.status, { role: "leader", leader: this.id });
    this.#carry(term);
  }

  /** @param {number} term */
  #carry(term) {
    this.joinedTo = "";
    this.carrier = new Carrier({ tab: this, term, connectReal: /** @type {any} */ (this.connectReal) });
  }

  /** @param {string} reason */
  #resign(reason) {
    this.log.add("leader", `this tab no longer leads: ${reason}`);
    this.carrier?.close();
    this.carrier = null;
    this.lostAt = Date.now();
    Object.assign(this.status, { role: "none", connected: false, leader: "" });
    this.socket.detach();
  }

  /** @param {import("./election.js").KnownLeader} leader */
  #follow(leader) {
    if (this.status.leader !== leader.id) {
      const after = this.lostAt ? `, ${Date.now() - this.lostAt} ms after the last one was lost` : "";
      this.lostAt = 0;
      this.log.add("follower", `following tab ${short(leader.id)} in term ${leader.term}${after}`);
    }
    Object.assign(this.status, { role: "follower", leader: leader.id });
    const place = `${leader.id} ${leader.term} ${leader.link}`;
    if (!leader.connected) {
      this.setConnected(false);
      this.joinedTo = "";
      this.socket.detach();
    } else if (this.joinedTo !== place) {
      this.joinedTo = place;
      this.#join();
    }
  }

  /** @param {string} reason */
  #lose(reason) {
    this.lostAt = Date.now();
    this.log.add("follower", `no leader: ${reason}`);
    Object.assign(this.status, { role: "none", leader: "" });
    this.setConnected(false);
    this.joinedTo = "";
    clearTimeout(this.joinTimer);
    this.socket.detach();
  }

  #join() {
    const { leader } = this.election;
    if (!leader) return;
    this.post({ type: "join", to: leader.id, query: { ...this.socket.query() }, streams: this.store.versions() });
    clearTimeout(this.joinTimer);
    this.joinTimer = setTimeout(() => this.#join(), JOIN_TIMEOUT_MS);
  }

  /** @param {Message} answer */
  #onJoined(answer) {
    clearTimeout(this.joinTimer);
    if (answer.ok) {
      this.socket.attach(this.#linkToLeader(answer.from), answer.received);
      this.setConnected(true);
    } else if (answer.reason === "expired") {
      this.socket.expire();
    } else if (answer.reason === "leader") {
      this.joinedTo = ""; // the leader's connection has just changed; its next ping says so
    } else {
      this.election.withdraw("this tab cannot be carried");
      this.#goAlone(answer.reason === "full" ? "the leader carries as many tabs as it may" : "the leader is of another session");
    }
  }

  /** @param {string} leader @returns {import("./tab_socket.js").Link} */
  #linkToLeader(leader) {
    const clientId = this.socket.clientId;
    return {
      deliver: (frame) => this.post({ type: "up", to: leader, clientId, frame }),
      post: (event, data) => this.post({ type: "post", to: leader, event, data }),
    };
  }

  /** @param {string} stream */
  #askLeader(stream) {
    const { leader } = this.election;
    if (leader) this.post({ type: "ask", to: leader.id, stream, version: this.store.stream(stream).version });
  }

  /** @param {string} reason */
  #goAlone(reason) {
    this.channel?.close();
    this.channel = null;
    this.log.add("cable", `this tab keeps a socket of its own: ${reason}`);
    Object.assign(this.status, { role: "alone", leader: this.id });
    this.#carry(0);
  }

  /** @param {string} reason */
  #leave(reason) {
    if (this.status.role === "follower" && this.election.leader) {
      this.post({ type: "leave", to: this.election.leader.id, clientId: this.socket.clientId });
      this.socket.detach();
    }
    this.election.withdraw(reason);
  }

  /** @param {string} reason */
  #comeBack(reason) {
    if (!this.channel) return;
    this.log.add("cable", reason);
    Object.assign(this.status, { role: "none", leader: "", connected: false });
    this.joinedTo = "";
    this.election.start("start");
  }

  /** @param {boolean} connected */
  setConnected(connected) {
    if (connected !== this.status.connected) this.log.add("cable", connected ? "connected" : "disconnected");
    this.status.connected = connected;
  }
}

/** An id for this document. `crypto.randomUUID` is missing where http is plain. */
export function makeId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {any} message */
function summary(message) {
  if (message.base === undefined) return `, all ${message[message.stream].length}`;
  return `, ${message.put.length} put, ${message.del.length} deleted`;
}

/** @param {string} name @returns {import("./election.js").Locks | null} */
function webLocks(name) {
  if (!navigator.locks) return null;
  return {
    request({ steal, granted, lost }) {
      const abort = new AbortController();
      let cancelled = false;
      let release = () => {};
      navigator.locks
        .request(name, steal ? { steal: true } : { signal: abort.signal }, () => {
          if (cancelled) return undefined;
          return new Promise((resolve) => {
            release = () => resolve(undefined);
            granted(release);
          });
        })
        .catch((error) => {
          if (error.name !== "AbortError") throw error;
          if (!cancelled) lost();
        });
      return () => {
        cancelled = true;
        abort.abort();
        release();
      };
    },
  };
}
