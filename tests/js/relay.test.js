import { makeRandom, options, test } from "./harness.js";
import { RelayWorld } from "./relay.js";

const TABS = ["a", "b", "c"];
const FAULTS = ["crash", "close", "freeze", "wedge", "stop", "cut"];
const ACTIONS_EACH = 2;
const TAKE_OVER_MS = 12_000; // silence, a question, and a join that is repeated
const WALK_STEPS = 120;

/** @param {boolean} locks */
function browser(locks) {
  const world = new RelayWorld({ locks });
  for (const id of TABS) {
    world.open(id);
    world.settle(1500);
  }
  world.checkAllDone();
  return world;
}

/** @param {RelayWorld} world @param {string[]} actions @param {string} action */
function perform(world, actions, action) {
  actions.push(action);
  world.perform(action);
}

/** @param {RelayWorld} world */
function settle(world) {
  world.settle(TAKE_OVER_MS);
  world.checkAllDone();
  for (const tab of world.tabs) if (!tab.isRunning && !tab.isGone) world.perform(`revive ${tab.id}`);
  world.settle(2 * TAKE_OVER_MS);
  world.checkAllDone();
}

/** @param {boolean} locks @param {(world: RelayWorld, actions: string[]) => boolean} play @param {string} name */
function watch(locks, play, name) {
  const world = browser(locks);
  /** @type {string[]} */
  const actions = [];
  try {
    const goOn = play(world, actions);
    settle(world);
    return goOn;
  } catch (error) {
    const { message, stack } = /** @type {Error} */ (error);
    throw new Error(`${name}, ${locks ? "with" : "without"} locks: ${message}\n  ${JSON.stringify(actions)}\n${stack}`);
  }
}

/** What may happen next, in an order that the seed decides. @param {RelayWorld} world @param {() => number} random */
function next(world, random) {
  const pending = world.pending();
  return pending[Math.floor(random() * pending.length)];
}

/**
 * Everybody acts; the leader suffers a fault after so many steps of what follows from that.
 * @returns {boolean} whether there were so many
 */
function failAt(/** @type {boolean} */ locks, /** @type {string} */ fault, /** @type {number} */ step, /** @type {number} */ seed) {
  return watch(
    locks,
    (world, actions) => {
      const random = makeRandom(seed);
      for (let times = 0; times < ACTIONS_EACH; times += 1) for (const id of TABS) perform(world, actions, `act ${id}`);
      for (let steps = 0; steps < step; steps += 1) {
        const action = next(world, random);
        if (!action) return false;
        perform(world, actions, action);
      }
      perform(world, actions, `${fault} a`);
      for (const id of TABS.slice(1)) perform(world, actions, `act ${id}`);
      return true;
    },
    `${fault} after ${step} steps, seed ${seed}`,
  );
}

for (const fault of FAULTS) {
  const times = fault;
}

test("each action is done once, wherever the leader is struck", () => {
  let n = 0; const t = performance.now();
  for (const fault of FAULTS) for (const locks of [true, false]) for (let seed = 1; seed <= 3; seed += 1) {
      for (let step = 0; failAt(locks, fault, step, seed); step += 1) n++;
  }
  console.log(n, performance.now() - t);
});

test("walk", () => {
  let n = 0; const t = performance.now();
  for (const locks of [true, false]) for (let seed = options.seed; seed <= options.seed + 1500; seed += 1) {
    watch(locks, (world, actions) => {
      const random = makeRandom(seed);
      const pick = (list) => list[Math.floor(random() * list.length)];
      for (let step = 0; step < WALK_STEPS; step += 1) {
        const kind = random();
        const running = world.running.map((tab) => tab.id);
        let action = next(world, random);
        if (kind < 0.04 && running.length) action = `${pick(FAULTS)} ${pick(running)}`;
        else if (kind < 0.06) action = world.tabs.some((t) => t.id === "d") ? action : "open d";
        else if (kind < 0.08) { const r = world.tabs.filter((t) => !t.isRunning && !t.isGone); if (r.length) action = `revive ${pick(r).id}`; }
        else if (kind < 0.2 && running.length) action = `act ${pick(running)}`;
        else if (kind < 0.4 || !action) { const f = world.running.filter(t => t.timers.length); if (f.length) action = `fire ${pick(f).id}`; }
        if (action) perform(world, actions, action);
      }
      return true;
    }, `seed ${seed}`);
    n++;
  }
  console.log(n, performance.now() - t);
});
