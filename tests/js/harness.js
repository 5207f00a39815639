/** Registers and runs the tests of a page. `test_modules.py` opens the page, and reports each test as one of pytest's. */

/** @type {{ name: string, run: () => unknown }[]} */
const tests = [];

/** @param {string} name the sentence that the test proves @param {() => unknown} run */
export function test(name, run) {
  tests.push({ name, run });
}

/** @returns {Promise<Record<string, string>>} the error of each test, empty where there is none */
export async function runTests() {
  /** @type {Record<string, string>} */
  const errors = {};
  for (const { name, run } of tests) {
    try {
      await run();
      errors[name] = "";
    } catch (error) {
      errors[name] = error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
    }
  }
  return errors;
}

/** @param {unknown} actual @param {unknown} expected @param {string} [what] */
export function equal(actual, expected, what = "value") {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Error(`${what}: ${a} instead of ${e}`);
}

/** @param {unknown} condition @param {string} what */
export function ok(condition, what) {
  if (!condition) throw new Error(what);
}

/** A number in [0, 1) at each call, the same ones for the same seed. @param {number} seed */
export function makeRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What the run was asked for: `seconds` of exploration, the `seed` to begin with. */
export const options = { seconds: 0, seed: 1, ...Object.fromEntries(numbers(location.search)) };

/** @param {string} query */
function numbers(query) {
  return [...new URLSearchParams(query)].map(([name, value]) => [name, Number(value)]);
}
