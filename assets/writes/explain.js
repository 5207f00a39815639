// @ts-check
/** Tells a person what became of a write where that is not what they see: it was refused, or met somebody else's. */

import { isToBeTold } from "./entries.js";
import { Notice, clip, show } from "./notice.js";

/**
 * @typedef {import("./entries.js").Outcome} Outcome
 * @typedef {import("./entries.js").Entry} Entry
 */

const SECONDS = 10;
const UNDO_SECONDS = 8;
const UNDONE_SECONDS = 4;
const TAKEN_BACK_BY = ["delete", "restore", "undo"];

/** @type {() => void} takes away what is told of undo: a notice at a time */
let dismissUndo = () => {};
let lastKey = 0; // of what has no place in the queue

export class Explainer {
  /**
   * @param {object} parts
   * @param {(stream: string, id: import("./entries.js").RowId, values: Record<string, any>) => unknown} parts.update writes
   *   what somebody else had set
   * @param {(sequences: number[]) => void} parts.onRead the person has read of refusals
   */
  constructor({ update, onRead }) {
    /** @type {(() => void)[]} */
    this.takes = [];
    this.refusals = new Notice({
      heading: (count) => `${count} changes could not be saved:`,
      seconds: SECONDS,
      onRead: (keys) => onRead(keys.filter((key) => key >= 0)),
    });
    this.conflicts = new Notice({
      heading: (count) => `Somebody else had meanwhile changed ${count} things that you changed, too. Yours stand.`,
      seconds: SECONDS,
      actions: [{ label: "Take theirs", handler: () => this.takes.forEach((take) => take()) }],
      onRead: () => (this.takes = []),
    });
    this.update = update;
  }

  /** @param {Entry} entry @param {Outcome} outcome */
  explain(entry, outcome) {
    const key = outcome.sequence < 0 ? (lastKey -= 1) : outcome.sequence;
    if (isToBeTold(entry, outcome)) {
      const written = entry.action === "undo" ? [] : texts(entry.values);
      if (TAKEN_BACK_BY.includes(entry.action)) dismissUndo();
      const told = [
        ...reasons(entry, outcome, written),
        ...(written.length ? [`You had written ${quoted(written)}`] : []),
      ];
      this.refusals.add({ key, message: told.join(". "), texts: written });
    }
    const { conflicts = {} } = outcome;
    const theirs = texts(conflicts);
    if (theirs.length) {
      this.takes.push(() => this.update(entry.stream, entry.id, conflicts));
      const message = `Somebody else had meanwhile written ${quoted(theirs)}. Yours stands.`;
      this.conflicts.add({ key, message, texts: [] });
    }
  }

  /** Why what was typed is in no field. @param {string} why @param {string} typed */
  tell(why, typed) {
    this.refusals.add({ key: (lastKey -= 1), message: `${why}. You had written ${quoted([typed])}`, texts: [typed] });
  }

  /** The person has read of refusals in another tab. @param {number[]} sequences */
  forget(sequences) {
    this.refusals.remove(sequences);
  }
}

/** Tell something in a sentence. @param {string} message */
export function tell(message) {
  show({ message, timeout: 1000 * SECONDS });
}

/** Tell what was undone. @param {string} message */
export function tellUndone(message) {
  showOfUndo({ message, timeout: 1000 * UNDONE_SECONDS, classes: "todosync-undo" });
}

/** Offer to take a delete back. @param {string} message @param {() => void} undo @returns {() => void} ends the offer */
export function offerUndo(message, undo) {
  const actions = [{ label: "Undo", noCaps: true, handler: undo }];
  return showOfUndo({ message, actions, timeout: 1000 * UNDO_SECONDS, classes: "todosync-undo" });
}

/** Show a notice in the place of the one before, if that was about undo, too. @param {object} options */
function showOfUndo(options) {
  dismissUndo();
  dismissUndo = show(options);
  return dismissUndo;
}

/** What a person knows the row by says more than the server can: it has its id. @param {Entry} entry @param {Outcome} outcome @param {string[]} written */
function reasons({ name }, { gone, errors = [] }, written) {
  if (gone) return [`${name ? `“${clip(name)}”` : "This"} is not there any more; it may have been deleted`];
  if (!name) return errors;
  return written.length ? errors : [`“${clip(name)}”: ${errors.join(". ")}`];
}

/** @param {Record<string, any>} values @returns {string[]} */
function texts(values) {
  return Object.values(values).filter((value) => typeof value === "string" && value);
}

/** @param {string[]} written */
export function quoted(written) {
  return written.map((text) => `“${clip(text)}”`).join(", ");
}
