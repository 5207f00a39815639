import { Election } from "/assets/tabs/election.js";
import { TAB_FAULTS, Violation, explore, replay, wander } from "./explorer.js";
import { equal, ok, options, test } from "./harness.js";

const { seconds, seed: firstSeed } = options; // a longer run, by `make explore`, takes these many seconds for each test
const WALK_STEPS = 150;

/** @typedef {import("./explorer.js").Scenario} Scenario */

/** @param {Scenario} scenario @param {number} states how many, where no time is given */
function exploreAll(scenario, states) {
  const reached = explore(scenario, seconds ? { seconds } : { states });
  console.log(JSON.stringify({ ...scenario, ...reached }));
}

/** One fault of each kind, which leaves room for longer sequences. @param {Scenario} scenario @param {number} states */
function exploreEachFault(scenario, states) {
  for (const fault of TAB_FAULTS) {
    const reached = explore(
      { ...scenario, faults: [fault], faultLimit: 1 },
      seconds ? { seconds: seconds / TAB_FAULTS.length } : { states },
    );
    console.log(JSON.stringify({ ...scenario, fault, ...reached }));
  }
}

/** @param {Scenario} scenario @param {number} walks how many, where no time is given */
function wanderAll(scenario, walks) {
  const until = performance.now() + seconds * 1000;
  let seed = firstSeed;
  for (; seconds ? performance.now() < until : seed < firstSeed + walks; seed += 1) {
    try {
      wander(scenario, seed, WALK_STEPS);
    } catch (error) {
      throw new Error(`SEED=${seed}: ${/** @type {Error} */ (error).message}`, { cause: error });
    }
  }
  console.log(JSON.stringify({ ...scenario, walks: seed - firstSeed }));
}

test("with locks, two tabs agree on one leader after any two faults and whatever happens in between", () =>
  exploreAll({ locks: true, open: ["a", "b"], later: ["c"], faultLimit: 2 }, 2000));

test("without locks, two tabs agree on one leader after any two faults and whatever happens in between", () =>
  exploreAll({ locks: false, open: ["a", "b"], later: ["c"], faultLimit: 2 }, 2000));

test("with locks, three tabs agree on one leader after a fault of each kind", () =>
  exploreEachFault({ locks: true, open: ["a", "b", "c"] }, 400));

test("without locks, three tabs agree on one leader after a fault of each kind", () =>
  exploreEachFault({ locks: false, open: ["a", "b", "c"] }, 400));

test("with locks, tabs that are opened at any moment agree on one leader", () =>
  exploreAll({ locks: true, open: [], later: ["b", "a", "c"], faults: ["crash"], faultLimit: 4 }, 1500));

test("without locks, tabs that are opened at any moment agree on one leader", () =>
  exploreAll({ locks: false, open: [], later: ["b", "a", "c"], faults: ["crash"], faultLimit: 4 }, 1500));

test("with locks, up to five tabs agree on one leader after many faults", () =>
  wanderAll({ locks: true, open: ["a", "b", "c"], later: ["d", "e"] }, 500));

test("without locks, up to five tabs agree on one leader after many faults", () =>
  wanderAll({ locks: false, open: ["a", "b", "c"], later: ["d", "e"] }, 500));

test("a sequence of actions can be replayed", () => {
  const scenario = { Election, locks: true, open: ["a", "b"] };
  const world = replay(scenario, ["close a", "deliver a>b", "task b", "deliver b>a"].slice(0, 3));
  equal([world.leaders.map(({ id }) => id), world.reigns.length], [["b"], 2]);
});

// the explorer itself: each rule that is broken here must be missed

const source = await (await fetch("/assets/tabs/election.js")).text();

/** The election with a rule left out. @param {[string, string][]} edits */
async function breakRule(...edits) {
  let broken = source;
  for (const [rule, replacement] of edits) {
    ok(broken.includes(rule), `election.js no longer says ${rule}`);
    broken = broken.replace(rule, replacement);
  }
  const url = URL.createObjectURL(new Blob([broken], { type: "text/javascript" }));
  return (await import(url)).Election;
}

/** @param {Scenario} scenario @returns {string} what is wrong, empty if nothing was found */
function findViolation(scenario) {
  try {
    explore(scenario, { states: 1000 });
    for (let seed = 1; seed <= 2000; seed += 1) wander(scenario, seed, WALK_STEPS);
    return "";
  } catch (error) {
    if (error instanceof Violation) return error.message;
    throw error;
  }
}

test("the explorer catches an election without terms", async () => {
  const withoutTerms = await breakRule(
    ["term > otherTerm || (term === otherTerm && id < otherId)", "id < otherId"],
    ["term > this.term", "false"],
  );
  const violation = findViolation({ Election: withoutTerms, locks: false, open: ["a", "b", "c"] });
  ok(violation.includes("the lead went back"), violation);
});

test("the explorer catches an election that takes any answer for a sign of life", async () => {
  const gullible = await breakRule(["ageOf(vitals) <= SILENCE_MS", "true"]);
  const violation = findViolation({ Election: gullible, locks: true, open: ["a", "b"] });
  ok(violation.includes("nobody leads"), violation);
});

test("the explorer catches a leader that does not notice that its lock was stolen", async () => {
  const deaf = await breakRule([
    'if (this.state === "leader") this.#stepDown("another tab took the lock");',
    "if (true) ;",
  ]);
  const violation = findViolation({ Election: deaf, locks: true, open: ["a", "b", "c"] });
  ok(violation.includes("two tabs lead"), violation);
});

test("the explorer catches a page that leaves and stays in the queue for the lock", async () => {
  const clinging = await breakRule([
    "null : this.listener.heir(), reason);\n    this.#releaseLock();",
    "null : this.listener.heir(), reason);",
  ]);
  const violation = findViolation({ Election: clinging, locks: true, open: ["a", "b"] });
  ok(violation.includes("a waits 2 times for the lock"), violation);
});
