// @ts-check
/**
 * How a tab is carried by the leader that it follows: it joins the leader, and the frames of its page travel over the
 * leader's connection, to the server and back.
 */

export const JOIN_TIMEOUT_MS = 1000;
export const HERE_INTERVAL_MS = 10000; // with locks; without them each ping is answered, else a tab counts as ended

/**
 * @typedef {import("./election.js").Message} Message
 * @typedef {import("./tab.js").Tab} Tab
 */

export class Follower {
  /**
   * @param {object} parts
   * @param {Tab} parts.tab
   * @param {(reason: string) => void} parts.goAlone has the tab take a socket of its own
   * @param {() => void} parts.changeSession has the tab take part in the election of another session
   */
  constructor({ tab, goAlone, changeSession }) {
    this.tab = tab;
    this.goAlone = goAlone;
    this.changeSession = changeSession;
    this.joinedTo = ""; // the leader, its term and its connection, of the last join
    this.hereAt = 0;
    /** @type {Map<number, import("./question.js").Acknowledge>} what waits for an answer to a frame that may be lost */
    this.questions = new Map();
    /** @type {any} */
    this.joinTimer = null;
  }

  /** The leader has said that it is there: join it, or tell it that this tab is. @param {import("./election.js").KnownLeader} leader */
  follow(leader) {
    const place = `${leader.id} ${leader.term} ${leader.link}`;
    if (!leader.connected) {
      this.joinedTo = "";
      this.tab.setConnected(false);
      this.tab.socket?.detach();
    } else if (this.joinedTo !== place) {
      this.joinedTo = place;
      this.#join();
    } else if (!navigator.locks || performance.now() - this.hereAt > HERE_INTERVAL_MS) {
      this.hereAt = performance.now();
      this.tab.post({ type: "here", to: leader.id }); // a leader that thinks otherwise has this tab join again
    }
  }

  /** Follow nobody; safe to call twice. */
  stop() {
    this.joinedTo = "";
    this.#endJoin();
  }

  /** Join again after a while. @param {number} ms */
  joinIn(ms) {
    clearTimeout(this.joinTimer);
    this.joinTimer = setTimeout(() => this.#join(), ms);
  }

  /** A message of the leader. @param {Message} message @returns {boolean} whether it was for this side of the tab */
  receive(message) {
    if (message.type === "joined") this.#onJoined(message);
    else if (message.type === "ack") this.tab.socket?.acknowledge(message.received);
    else if (message.type === "down") this.#onDown(message);
    else if (message.type === "answer") this.#onAnswer(message);
    else if (message.type === "rejoin") this.#onRejoin();
    else return false;
    return true;
  }

  #join() {
    const { tab } = this;
    const { leader } = tab.election;
    if (!leader || !tab.socket || tab.expired) return;
    const query = { ...tab.socket.query() };
    const held = Object.assign({}, ...tab.relays.map((relay) => relay.versions()));
    tab.post({ type: "join", to: leader.id, lock: tab.tabLock, query, ...held });
    this.joinIn(JOIN_TIMEOUT_MS);
  }

  #endJoin() {
    clearTimeout(this.joinTimer);
    this.joinTimer = null;
  }

  #onRejoin() {
    if (this.joinTimer === null) this.#join(); // one for all refused frames
  }

  /** @param {Message} answer */
  #onJoined(answer) {
    const { tab } = this;
    this.#endJoin();
    if (answer.ok) {
      tab.socket?.attach(this.#linkToLeader(answer.from), answer.received);
      tab.setConnected(true);
      tab.noteKnown();
    } else if (answer.reason === "expired") {
      tab.expire("leader's server");
    } else if (answer.reason === "leader" || answer.reason === "overtaken") {
      this.joinedTo = ""; // the leader's connection has just changed, or this tab's; the next ping says so
    } else if (answer.reason === "session") {
      this.#settleAgain();
    } else {
      this.goAlone("the leader carries as many tabs as it may");
    }
  }

  /** The server counts this page to another session than its leader's: ask which, before giving up. */
  async #settleAgain() {
    const { session, socket } = this.tab;
    const { tag } = session;
    const place = this.joinedTo;
    await session.settle(socket?.clientId);
    if (this.joinedTo !== place) return; // meanwhile it has found another leader, or none
    if (session.tag !== tag) this.changeSession();
    else this.goAlone("the leader is of another session");
  }

  /** @param {string} leader @returns {import("./tab_socket.js").Link} */
  #linkToLeader(leader) {
    const { tab } = this;
    const { clientId, documentId } = tab.socket ?? {};
    this.questions.clear(); // of another link: nobody answers them any more
    return {
      deliver: (frame) => tab.post({ type: "up", to: leader, clientId, documentId, frame }),
      post: (event, args, answer) => {
        const question = answer && ++tab.lastQuestion;
        if (question) this.questions.set(question, answer);
        tab.post({ type: "post", to: leader, event, args, question });
      },
    };
  }

  /** @param {Message} message */
  #onDown({ from, event, args, question }) {
    const answer = (/** @type {any[]} */ ...answers) =>
      this.tab.post({ type: "reply", to: from, question, args: JSON.parse(JSON.stringify(answers)) });
    if (this.tab.relays.some((relay) => relay.fromServer(event, args[0]))) return;
    this.tab.socket?.dispatch(event, ...args, ...(question === undefined ? [] : [answer]));
  }

  /** @param {Message} message */
  #onAnswer({ question, args }) {
    this.questions.get(question)?.(...args);
    this.questions.delete(question);
  }
}
