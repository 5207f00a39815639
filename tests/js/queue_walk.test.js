import { makeRandom, ok, options, test } from "./harness.js";
import { Server, Walk } from "./queue_walk.js";

const { seconds, seed: firstSeed } = options; // a longer run, by `make explore`, takes these many seconds
const STEPS = 60;
const WALKS = 60;

/** @param {number} seed @param {Server} server */
async function wander(seed, server) {
  const walk = new Walk(makeRandom(seed), server);
  /** @type {string[]} */
  const steps = [];
  const { setTimeout: real } = globalThis;
  Object.assign(globalThis, { setTimeout: (/** @type {() => void} */ run) => walk.timers.push(run) });
  try {
    await walk.open();
    for (let step = 0; step < STEPS; step += 1) steps.push(await walk.step());
    await walk.settle();
  } catch (error) {
    throw new Error(`SEED=${seed}: ${/** @type {Error} */ (error).message}\n  ${steps.filter(Boolean).join(", ")}`, {
      cause: error,
    });
  } finally {
    Object.assign(globalThis, { setTimeout: real });
    walk.end();
  }
}

test("what a person does in any tab is done once, in its order, or explained, whatever happens", async () => {
  const until = performance.now() + seconds * 1000;
  let seed = firstSeed;
  for (; seconds ? performance.now() < until : seed < firstSeed + WALKS; seed += 1) await wander(seed, new Server());
  console.log(`queue: ${seed - firstSeed} walks`);
});

// the walks themselves: a rule of the server that is broken here must be missed

test("the walks catch a server that does again what it knows", async () => {
  class Forgetful extends Server {
    isKnown() {
      return false;
    }
  }
  let violation = "";
  for (let seed = 1; seed <= 50 && !violation; seed += 1) {
    await wander(seed, new Forgetful()).catch((error) => (violation = error.message));
  }
  ok(/done twice|neither done/.test(violation), violation);
});
