// @ts-check
/** Tells a person what became of a write where that is not what they see: it was refused, or met somebody else's. */

/**
 * @typedef {import("./entries.js").Outcome} Outcome
 * @typedef {import("./entries.js").Entry} Entry
 */

const SECONDS = 10;
const SECONDS_WITH_TEXT = 60; // the text is nowhere else
const UNDO_SECONDS = 8;
const LONGEST = 80; // characters of a text that a notice shows

/** @type {() => void} */
let dismissUndo = () => {};

/**
 * @param {Entry} entry @param {Outcome} outcome
 * @param {(stream: string, id: import("./entries.js").RowId, values: Record<string, any>) => unknown} update writes what somebody else had set
 */
export function explain(entry, outcome, update) {
  const { state, gone, conflicts = {} } = outcome;
  if (state === "refused" && !(gone && entry.action === "delete")) {
    const written = texts(entry.values);
    const told = [...reasons(entry, outcome), ...(written.length ? [`You had written ${quoted(written)}`] : [])];
    notify(told.join(". "), written);
  }
  const theirs = texts(conflicts);
  if (theirs.length) {
    const take = { label: "Take theirs", noCaps: true, handler: () => update(entry.stream, entry.id, conflicts) };
    notify(`Somebody else had meanwhile written ${quoted(theirs)}. Yours stands.`, [], [take]);
  }
}

/** Offer to take a delete back. @param {string} message @param {() => void} undo @returns {() => void} ends the offer */
export function offerUndo(message, undo) {
  dismissUndo();
  const actions = [{ label: "Undo", noCaps: true, handler: undo }];
  dismissUndo = show({ message, actions, timeout: 1000 * UNDO_SECONDS, classes: "todosync-undo" });
  return dismissUndo;
}

/** What a person knows the row by says more than the server can: it has its id. @param {Entry} entry @param {Outcome} outcome */
function reasons({ name, values }, { gone, errors = [] }) {
  if (gone) return [`${name ? `“${clip(name)}”` : "This"} is not there any more; it may have been deleted`];
  if (!name) return errors;
  return texts(values).length ? errors : [`“${clip(name)}”: ${errors.join(". ")}`];
}

/** @param {Record<string, any>} values @returns {string[]} */
function texts(values) {
  return Object.values(values).filter((value) => typeof value === "string" && value);
}

/** @param {string[]} written */
export function quoted(written) {
  return written.map((text) => `“${clip(text)}”`).join(", ");
}

/** @param {string} text */
function clip(text) {
  const characters = [...text];
  return characters.length > LONGEST
    ? `${characters
        .slice(0, LONGEST - 1)
        .join("")
        .trimEnd()}…`
    : text;
}

/** @param {string} message @param {string[]} written texts that would be lost @param {object[]} [actions] */
export function notify(message, written, actions = []) {
  if (!written.length) return void show({ message, actions, timeout: 1000 * SECONDS });
  const copy = { label: "Copy text", noCaps: true, handler: () => copyText(written.join("\n")) };
  const close = { label: "Close", noCaps: true };
  show({ message, actions: [copy, ...actions, close], multiLine: true, timeout: 1000 * SECONDS_WITH_TEXT });
}

/** @param {string} text */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: text }); // plain http has no clipboard
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

/** @param {object} options @returns {() => void} takes the notice away */
function show(options) {
  const { Quasar } = /** @type {any} */ (window);
  return Quasar.Notify.create({ position: "bottom", ...options });
}
