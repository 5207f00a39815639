/** A simulated tab that consists of an election and of what it needs to know of a socket. */

import { SimulatedTab } from "./world.js";

/** @typedef {typeof import("../../assets/tabs/election.js").Election} ElectionClass */

export class ElectionTab extends SimulatedTab {
  /** @param {import("./world.js").World<any>} world @param {string} id @param {ElectionClass} Election */
  constructor(world, id, Election) {
    super(world, id);
    /** @type {{ link: number, connected: boolean, heardAt: number | null } | null} while it leads */
    this.connection = null;
    /** @type {string[]} what the election told the tab */
    this.told = [];
    this.election = this.#makeElection(Election);
    this.election.start();
  }

  /** @param {any} message */
  receive(message) {
    this.election.receive(message);
  }

  leave() {
    this.election.withdraw("left");
  }

  comeBack() {
    this.election.start();
  }

  look() {
    this.election.nudge();
  }

  /** The server is there, or not. @param {boolean} isUp */
  onServer(isUp) {
    const { connection } = this;
    if (!connection || connection.connected === isUp) return;
    this.tasks.push({
      name: isUp ? "connect" : "disconnect",
      run: () => {
        if (this.connection !== connection || this.world.isServerUp !== isUp) return;
        connection.connected = isUp;
        if (isUp) connection.link += 1;
        if (isUp) connection.heardAt = this.world.now;
        this.election.announce();
      },
    });
  }

  /** @param {ElectionClass} Election */
  #makeElection(Election) {
    const { world } = this;
    return new Election({
      id: this.id,
      send: (message) => world.post(this, message),
      locks: world.locks && { request: (request) => /** @type {any} */ (world.locks).request(this, request) },
      clock: this.clock,
      listener: {
        lead: (term) => this.#lead(term),
        resign: () => this.#resign(),
        follow: (leader) => this.told.push(`follow ${leader.id} in term ${leader.term}`),
        lose: (reason) => this.told.push(`lose: ${reason}`),
        vitals: () => this.#vitals(),
        probe: (answered) => this.#probe(answered),
        heir: () => world.tabs.find((tab) => tab.follows === this.id)?.id ?? null,
      },
    });
  }

  /** @param {number} term */
  #lead(term) {
    this.told.push(`lead in term ${term}`);
    this.world.reigns.push({ id: this.id, term });
    this.connection = { link: 0, connected: false, heardAt: null };
    if (this.world.isServerUp) this.onServer(true);
  }

  #resign() {
    this.told.push("resign");
    this.connection = null;
  }

  #vitals() {
    const { link = 0, connected = false, heardAt = null } = this.connection ?? {};
    return { link, connected, heard: heardAt === null ? null : this.world.now - heardAt };
  }

  /** @param {() => void} answered */
  #probe(answered) {
    const { connection } = this;
    this.tasks.push({
      name: "probe answered",
      run: () => {
        if (this.connection !== connection || !connection || !this.world.isServerUp) return;
        connection.heardAt = this.world.now;
        answered();
      },
    });
  }
}
