/**
 * Looks for a sequence of actions after which the tabs of a browser do not agree on one leader in time: all sequences
 * of a bounded length, and random ones that go deep. A violation tells its actions, which `replay` performs again.
 */

import {
  CALM_MS,
  DISCOVER_TIMEOUT_MS,
  Election as RealElection,
  PING_INTERVAL_MS,
  SILENCE_MS,
  STEAL_BACKOFF_MAX_MS,
  STEAL_BACKOFF_MS,
  TICK_MS,
} from "/assets/tabs/election.js";
import { ElectionTab } from "./election_tab.js";
import { makeRandom } from "./harness.js";
import { World } from "./world.js";

const TAKE_OVER_MS = SILENCE_MS + TICK_MS + DISCOVER_TIMEOUT_MS;
const SETUP_MS = 1500;
const FAULT_SHARE = 0.05; // of the actions of a random sequence

/**
 * @typedef {object} Scenario
 * @property {typeof import("../../assets/tabs/election.js").Election} [Election] the class to look at, if not the real one
 * @property {boolean} locks whether the browser has Web Locks
 * @property {string[]} open the tabs at the beginning, which have settled
 * @property {string[]} [later] tabs that may be opened
 * @property {string[]} [faults] what may happen to a tab
 * @property {number} [faultLimit] how many faults one sequence may have
 */

export const TAB_FAULTS = ["close", "crash", "freeze", "wedge", "stop"];
export const ALL_FAULTS = [...TAB_FAULTS, "nudge", "server"];

export class Violation extends Error {
  /** @param {string} what @param {Scenario} scenario @param {string[]} actions */
  constructor(what, scenario, actions) {
    super(`${what}\n  tabs ${scenario.open}, ${scenario.locks ? "with" : "without"} locks: ${JSON.stringify(actions)}`);
    this.what = what;
    this.actions = actions;
  }
}

/** @param {Scenario} scenario @param {string[]} actions @returns {World<ElectionTab>} */
export function replay(scenario, actions) {
  const { locks, Election = RealElection } = scenario;
  const world = new World({ locks, makeTab: (world, id) => new ElectionTab(world, id, Election) });
  for (const id of scenario.open) {
    world.open(id);
    world.settle(SETUP_MS);
  }
  for (const action of actions) world.perform(action);
  return world;
}

/**
 * Every sequence of actions, shortest first, until the states or the time are used up. Two sequences that lead to the
 * same state are one.
 * @param {Scenario} scenario @param {{ depth?: number, states?: number, seconds?: number }} bounds
 * @returns {{ states: number, depth: number }} what has been seen to hold
 */
export function explore(scenario, { depth = Infinity, states = Infinity, seconds = Infinity }) {
  const deadline = performance.now() + seconds * 1000;
  const seen = new Set();
  /** @type {string[][]} */
  let frontier = [[]];
  for (let length = 0; frontier.length; length += 1) {
    /** @type {string[][]} */
    const next = [];
    for (const actions of frontier) {
      if (seen.size >= states || performance.now() > deadline) return { states: seen.size, depth: length - 1 };
      const world = replay(scenario, actions);
      const state = fingerprint(world);
      if (seen.has(state)) continue;
      seen.add(state);
      if (length < depth) for (const action of choices(world, scenario, actions)) next.push([...actions, action]);
      check(world, scenario, actions);
    }
    if (length === depth) return { states: seen.size, depth };
    frontier = next;
  }
  return { states: seen.size, depth: Infinity };
}

/**
 * One long random sequence of actions.
 * @param {Scenario} scenario @param {number} seed @param {number} steps
 */
export function wander(scenario, seed, steps) {
  const random = makeRandom(seed);
  const pick = (/** @type {string[]} */ list) => list[Math.floor(random() * list.length)];
  /** @type {string[]} */
  const actions = [];
  const world = replay(scenario, actions);
  for (let step = 0; step < steps; step += 1) {
    const [pending, timers, faults] = [world.pending(), timerActions(world), faultActions(world, scenario)];
    const kind = random();
    const mayFail = faults.length && (kind < FAULT_SHARE || !timers.length);
    const action = mayFail ? pick(faults) : pick(pending.length && kind < 0.8 ? pending : [...pending, ...timers]);
    if (!action) break;
    actions.push(action);
    world.perform(action);
  }
  try {
    check(world, scenario, actions);
  } catch (violation) {
    throw violation instanceof Violation ? shorten(violation, scenario) : violation;
  }
}

/** What must hold from any state on. @param {World<ElectionTab>} world @param {Scenario} scenario @param {string[]} actions */
export function check(world, scenario, actions) {
  try {
    settleAndAgree(world);
    const term = world.leaders[0]?.election.term ?? 0;
    for (const tab of world.tabs) if (!tab.isRunning && !tab.isGone) world.perform(`revive ${tab.id}`);
    if (!world.isServerUp) world.perform("server up");
    settleAndAgree(world);
    if (world.leaders[0]?.election.term < term) throw new Error(`the lead went back from term ${term} to an older one`);
  } catch (error) {
    throw new Violation(/** @type {Error} */ (error).message, scenario, actions);
  }
}

/** @param {World<ElectionTab>} world */
function settleAndAgree(world) {
  world.settle(TAKE_OVER_MS + backoff(world), () => {
    const leaders = world.leaders.map((tab) => `${tab.id} in term ${tab.election.term}`);
    if (leaders.length > 1) throw new Error(`two tabs lead while the channel is quiet: ${leaders.join(" and ")}`);
  });
  agree(world);
  const reigns = world.reigns.length;
  world.settle(3 * TAKE_OVER_MS);
  if (world.reigns.length > reigns) throw new Error("the lead moves although nothing has happened");
  agree(world);
}

/** Exactly one tab leads, and the others follow it. @param {World<ElectionTab>} world */
function agree(world) {
  if (!world.running.length) return;
  const [leader] = world.leaders;
  if (!leader) throw new Error("nobody leads");
  for (const { election, id } of world.running) {
    if (id === leader.id) continue;
    if (election.leader?.id !== leader.id) throw new Error(`${id} does not follow ${leader.id}, which leads`);
    if (election.leader.term !== leader.election.term) throw new Error(`${id} follows ${leader.id} in another term`);
    if (election.leader.connected !== leader.connection?.connected)
      throw new Error(`${id} knows not of the connection`);
  }
  const { locks } = world;
  if (!locks) return;
  if (locks.held?.tab !== leader) throw new Error(`${leader.id} leads without the lock`);
  for (const tab of world.running) {
    const requests = locks.queue.filter((/** @type {any} */ entry) => entry.tab === tab).length;
    if (requests !== (tab === leader ? 0 : 1)) throw new Error(`${tab.id} waits ${requests} times for the lock`);
  }
}

/** How long a tab may still wait before it steals again. @param {World<any>} world */
export function backoff(world) {
  const waits = world.tabs.map(({ election: { steals, stolenAt } }) =>
    steals ? stolenAt + Math.min(STEAL_BACKOFF_MAX_MS, STEAL_BACKOFF_MS * 2 ** steals) - world.now : 0,
  );
  return Math.max(0, ...waits);
}

/** @param {World<ElectionTab>} world @param {Scenario} scenario @param {string[]} actions */
function choices(world, scenario, actions) {
  const faults = actions.filter((action) => !/^(deliver|task|fire|revive)/.test(action)).length;
  const mayFail = faults < (scenario.faultLimit ?? Infinity);
  return [...world.pending(), ...timerActions(world), ...faultActions(world, scenario, mayFail)];
}

/** @param {World<ElectionTab>} world */
function timerActions(world) {
  return world.running.filter((tab) => tab.timers.length).map((tab) => `fire ${tab.id}`);
}

/** @param {World<ElectionTab>} world @param {Scenario} scenario */
function faultActions(world, { later = [], faults = ALL_FAULTS }, mayFail = true) {
  const revivals = world.tabs.filter((tab) => !tab.isRunning && !tab.isGone).map((tab) => `revive ${tab.id}`);
  if (!mayFail) return revivals;
  const closed = later.filter((id) => !world.tabs.some((tab) => tab.id === id));
  const tabFaults = faults.filter((fault) => fault !== "server");
  return [
    ...revivals,
    ...closed.map((id) => `open ${id}`),
    ...world.running.flatMap((tab) => tabFaults.map((fault) => `${fault} ${tab.id}`)),
    ...(faults.includes("server") ? [`server ${world.isServerUp ? "down" : "up"}`] : []),
  ];
}

/** Leave out what is not needed. @param {Violation} violation @param {Scenario} scenario */
export function shorten(violation, scenario) {
  let shortest = violation;
  for (let at = violation.actions.length - 1; at >= 0; at -= 1) {
    const fewer = shortest.actions.filter((_, index) => index !== at);
    try {
      check(replay(scenario, fewer), scenario, fewer);
    } catch (error) {
      if (error instanceof Violation) shortest = error; // else the rest cannot happen without the one left out
    }
  }
  return shortest;
}

/** The same for two worlds that will behave in the same way. @param {World<ElectionTab>} world */
function fingerprint(world) {
  const ago = (/** @type {number} */ time, /** @type {number} */ limit) => Math.max(time - world.now, -limit);
  const tabs = world.tabs.map((tab) => {
    const { election: e, connection } = tab;
    if (tab.isGone) return tab.id;
    return [
      tab.id,
      tab.condition,
      e.state,
      e.term,
      e.highestTerm,
      e.leader && [e.leader.id, e.leader.term, e.leader.connected],
      ago(e.patientUntil, 1),
      ago(e.beatAt, SILENCE_MS + 1),
      ago(e.pingedAt, PING_INTERVAL_MS),
      ago(e.askedAt, DISCOVER_TIMEOUT_MS),
      e.steals,
      ago(e.stolenAt, Math.max(CALM_MS, STEAL_BACKOFF_MAX_MS) + 1),
      tab.timers.map((timer) => [timer.run.name, ago(timer.due, 0), timer === tab.nextTimer]),
      tab.tasks.map((task) => task.name),
      connection && [connection.connected, connection.heardAt && ago(connection.heardAt, SILENCE_MS + 1)],
    ];
  });
  const { held, queue = [] } = world.locks ?? {};
  const locks = [held, ...queue].map((entry) => entry && [entry.tab.id, entry.calledBack, entry.cancelled]);
  return hash(
    JSON.stringify([world.isServerUp, tabs, [...world.channel].filter(([, sent]) => sent.length).sort(), locks]),
  );
}

/** @param {string} text @returns {number} of 53 bits */
function hash(text) {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
