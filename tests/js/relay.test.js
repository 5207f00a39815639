import { backoff } from "./explorer.js";
import { makeRandom, ok, options, test } from "./harness.js";
import { RelayWorld, Server } from "./relay.js";

const { seconds, seed: firstSeed } = options; // a longer run, by `make explore`, takes these many seconds for each walk
const TABS = ["a", "b", "c"];
const FAULTS = ["crash", "close", "freeze", "wedge", "stop", "cut"];
const ACTIONS_EACH = 2;
const SCHEDULES = 2;
const TAKE_OVER_MS = 12_000; // silence, a question, a steal, and a join that is repeated
const WALK_STEPS = 120;

/** @param {boolean} locks @param {Server} [server] */
function browser(locks, server) {
  const world = new RelayWorld(locks, server);
  for (const id of TABS) {
    world.open(id);
    world.settle(1500);
  }
  world.checkAllDone();
  return world;
}

/**
 * Play, and see that everything has been done in the end.
 * @param {string} name @param {RelayWorld} world @param {(perform: (action: string) => void) => void} play
 */
function watch(name, world, play) {
  /** @type {string[]} */
  const actions = [];
  try {
    play((action) => {
      actions.push(action);
      world.perform(action);
    });
    world.settle(TAKE_OVER_MS + backoff(world));
    world.checkAllDone();
    for (const tab of world.tabs) if (!tab.isRunning && !tab.isGone) world.perform(`revive ${tab.id}`);
    world.settle(TAKE_OVER_MS + backoff(world));
    world.checkAllDone();
  } catch (error) {
    throw new Error(`${name}: ${/** @type {Error} */ (error).message}\n  ${JSON.stringify(actions)}`, { cause: error });
  }
}

/** @template T @param {T[]} list @param {() => number} random */
function pick(list, random) {
  return list[Math.floor(random() * list.length)];
}

/**
 * Everybody acts; a fault strikes the leader after so many steps of what follows from that; the others act again.
 * @param {boolean} locks @param {string} fault @param {number} step @param {number} seed of the order of the steps
 * @returns {boolean} whether there were so many steps
 */
function strike(locks, fault, step, seed) {
  const world = browser(locks);
  const random = makeRandom(seed);
  let isOver = false;
  watch(`${fault} after step ${step}, seed ${seed}, locks ${locks}`, world, (perform) => {
    for (let times = 0; times < ACTIONS_EACH; times += 1) for (const id of TABS) perform(`act ${id}`);
    for (let steps = 0; steps < step && !isOver; steps += 1) {
      const action = pick(world.pending(), random);
      if (action) perform(action);
      else isOver = true;
    }
    perform(`${fault} a`);
    for (const id of TABS.slice(1)) perform(`act ${id}`);
  });
  return !isOver;
}

/** One long random sequence. @param {boolean} locks @param {number} seed @param {Server} [server] */
function wander(locks, seed, server) {
  const world = browser(locks, server);
  const random = makeRandom(seed);
  watch(`SEED=${seed}, locks ${locks}`, world, (perform) => {
    for (let step = 0; step < WALK_STEPS; step += 1) {
      const action = pick(choices(world, random()), random);
      if (action) perform(action);
    }
  });
}

/** @param {RelayWorld} world @param {number} kind in [0, 1) */
function choices(world, kind) {
  const running = world.running.map(({ id }) => id);
  if (kind < 0.04) return running.flatMap((id) => FAULTS.map((fault) => `${fault} ${id}`));
  if (kind < 0.06) return world.tabs.filter((tab) => !tab.isRunning && !tab.isGone).map(({ id }) => `revive ${id}`);
  if (kind < 0.08) return world.tabs.length < 4 ? ["open d"] : [];
  if (kind < 0.1) return running.map((id) => `nudge ${id}`);
  if (kind < 0.2) return running.map((id) => `act ${id}`);
  if (kind < 0.4) return world.running.filter((tab) => tab.timers.length).map(({ id }) => `fire ${id}`);
  return world.pending();
}

/** @param {boolean} locks @param {number} walks how many, where no time is given */
function wanderAll(locks, walks) {
  const until = performance.now() + seconds * 1000;
  let seed = firstSeed;
  for (; seconds ? performance.now() < until : seed < firstSeed + walks; seed += 1) wander(locks, seed);
  console.log(`relay, locks ${locks}: ${seed - firstSeed} walks`);
}

test("what a person does is done once, wherever in its way a fault strikes the leader, with locks", () => {
  for (const fault of FAULTS) {
    for (let seed = 1; seed <= SCHEDULES; seed += 1) for (let step = 0; strike(true, fault, step, seed); step += 1);
  }
});

test("what a person does is done once, wherever in its way a fault strikes the leader, without locks", () => {
  for (const fault of FAULTS) {
    for (let seed = 1; seed <= SCHEDULES; seed += 1) for (let step = 0; strike(false, fault, step, seed); step += 1);
  }
});

test("what persons do is done once whatever happens, with locks", () => wanderAll(true, 200));

test("what persons do is done once whatever happens, without locks", () => wanderAll(false, 200));

// the walks themselves: each rule of the server that is broken here must be missed

/** @param {new () => Server} Broken @returns {string} what went wrong */
function findViolation(Broken) {
  for (let seed = 1; seed <= 500; seed += 1) {
    for (const locks of [true, false]) {
      try {
        wander(locks, seed, new Broken());
      } catch (error) {
        return /** @type {Error} */ (error).message;
      }
    }
  }
  return "";
}

test("the walks catch a server that takes every frame for a new one", () => {
  class Forgetful extends Server {
    isNext() {
      return true;
    }
  }
  const violation = findViolation(Forgetful);
  ok(/ did .*, asked for /.test(violation), violation);
});

test("the walks catch a server on which a join that arrives late undoes a later one", () => {
  class Unfenced extends Server {
    isOvertaken() {
      return false;
    }
  }
  const violation = findViolation(Unfenced);
  ok(/ did \d+ of \d+/.test(violation), violation);
});
