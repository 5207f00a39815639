// @ts-check
/** What a write is called in words. */

import { clip } from "./notice.js";

/** @typedef {import("./entries.js").Entry} Entry */

/** @type {Record<string, string>} by what is done */
const WORDS = { insert: "Add", update: "Change", delete: "Delete", restore: "Put back" };

/**
 * @param {Entry} entry
 * @param {string} field by which a person knows a row of the stream
 * @param {Record<string, string>} words further ones: by the name of a verb, of a field that is changed, or of a field and
 *   the value that it gets, as in `completed=true`
 */
export function inWords({ stream, action, name = "", values, shows }, field, words) {
  const fields = Object.entries(values);
  const said = fields
    .map(([key, value]) => words[`${key}=${JSON.stringify(value)}`] ?? words[key])
    .find((word) => word);
  const word = (action === "update" ? said : words[action]) ?? WORDS[action] ?? sentenceCase(action);
  const before = name || String(shows[field] ?? "");
  const after = action === "update" ? String(values[field] ?? "") : "";
  if (!before) return `${word} (${stream})`;
  return after && after !== before ? `${word} “${clip(before)}” to “${clip(after)}”` : `${word} “${clip(before)}”`;
}

/** @param {string} name */
function sentenceCase(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
