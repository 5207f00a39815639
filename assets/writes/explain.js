// @ts-check
/** Tells a person what became of a write where that is not what they see: it was refused, or met somebody else's. */

/**
 * @typedef {import("./entries.js").Outcome} Outcome
 * @typedef {import("./entries.js").Entry} Entry
 */

const SECONDS = 10;

/**
 * @param {Entry} entry @param {Outcome} outcome
 * @param {(stream: string, id: number, values: Record<string, any>) => unknown} update writes what somebody else had set
 */
export function explain({ stream, id, action, values }, { state, errors = [], gone, conflicts = {} }, update) {
  if (state === "refused" && !(gone && action === "delete")) {
    const written = texts(values);
    notify([...errors, ...(written.length ? [`You had written ${written.join(", ")}`] : [])].join(". "));
  }
  const theirs = texts(conflicts);
  if (theirs.length) {
    const take = { label: "Take theirs", noCaps: true, handler: () => update(stream, id, conflicts) };
    notify(`Somebody else had meanwhile written ${theirs.join(", ")}. Yours stands.`, [take]);
  }
}

/** @param {Record<string, any>} values */
function texts(values) {
  return Object.values(values)
    .filter((value) => typeof value === "string" && value)
    .map((value) => `“${value}”`);
}

/** @param {string} message @param {object[]} [actions] */
function notify(message, actions = []) {
  const { Quasar } = /** @type {any} */ (window);
  Quasar.Notify.create({ message, actions, timeout: 1000 * SECONDS, position: "bottom" });
}
