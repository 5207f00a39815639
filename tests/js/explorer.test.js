import { Election } from "/assets/election.js";
import { ALL_FAULTS, TAB_FAULTS, Violation, explore, replay, check, wander } from "./explorer.js";
import { equal, ok, options, test } from "./harness.js";

const WALK_STEPS = 150;

/** A longer run, by `make explore`, takes these many seconds for each of its parts; a short one counts states instead. */
const { seconds, seed: firstSeed } = options;

/** @param {object} scenario @param {number} states */
function exploreWell(scenario, states) {
  const bounds = seconds ? { seconds } : { states };
  const reached = explore({ Election, ...scenario }, bounds);
  console.log(JSON.stringify({ ...scenario, ...reached }));
}

/** @param {object} scenario @param {number} walks */
function wanderFar(scenario, walks) {
  const until = performance.now() + seconds * 1000;
  let seed = firstSeed;
  for (; seconds ? performance.now() < until : seed < firstSeed + walks; seed += 1) {
    try {
      wander({ Election, ...scenario }, seed, WALK_STEPS);
    } catch (error) {
      throw new Error(`SEED=${seed}: ${/** @type {Error} */ (error).message}`);
    }
  }
  console.log(JSON.stringify({ ...scenario, seeds: [firstSeed, seed - 1] }));
}

for (const fault of TAB_FAULTS) {
  for (const locks of [true, false]) {
    // one fault at a time goes deep; several at a time are below
    exploring(`two tabs and a ${fault}`, { locks, open: ["a", "b"], faults: [fault], faultLimit: 1 });
  }
}

function exploring() {}
test("two tabs with locks agree on one leader after any two faults", () =>
  exploreWell({ locks: true, open: ["a", "b"], later: ["c"], faultLimit: 2 }, 4000));
test("two tabs without locks agree on one leader after any two faults", () =>
  exploreWell({ locks: false, open: ["a", "b"], later: ["c"], faultLimit: 2 }, 4000));
test("wander locks", () => wanderFar({ locks: true, open: ["a", "b", "c"], later: ["d", "e"] }, 500));
test("wander nolocks", () => wanderFar({ locks: false, open: ["a", "b", "c"], later: ["d", "e"] }, 500));
test("wander locks empty", () => wanderFar({ locks: true, open: [], later: ["a", "b", "c"] }, 500));
test("wander nolocks empty", () => wanderFar({ locks: false, open: [], later: ["a", "b", "c"] }, 500));
