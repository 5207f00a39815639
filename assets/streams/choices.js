// @ts-check
/**
 * What a person has chosen to see, without asking a server. A choice stands in the address of the page: it survives a
 * reload, and Back takes it back. Or it is kept for the browser: then all tabs have the same.
 */

import { shallowReactive, shallowRef } from "vue";

/** @typedef {Record<string, any>} Row */

const query = shallowRef(location.search);
addEventListener("popstate", () => (query.value = location.search));

/** @type {Map<string, string | null>} what was kept for the browser since this page was loaded, by name */
const keptSince = shallowReactive(new Map());
const PREFIX = "todosync-choice-";
addEventListener("storage", ({ key, newValue }) => {
  if (key?.startsWith(PREFIX)) keptSince.set(key.slice(PREFIX.length), newValue);
});

/**
 * @param {string} name @param {string[]} options the first one counts where nothing is chosen
 * @param {boolean} isKept for the browser, not in the address
 */
export function choice(name, options, isKept) {
  const chosen = isKept ? (keptSince.get(name) ?? stored(name)) : new URLSearchParams(query.value).get(name);
  return options.find((option) => inAddress(option) === chosen) ?? options[0];
}

/** @param {string} option @param {string} name @param {string[]} options @param {boolean} isKept */
export function choose(option, name, options, isKept) {
  if (isKept) return keep(name, inAddress(option));
  const url = new URL(location.href);
  if (option === options[0]) url.searchParams.delete(name);
  else url.searchParams.set(name, inAddress(option));
  if (url.href !== location.href) history.pushState(history.state, "", url);
  query.value = url.search;
}

/** @param {string} name */
function stored(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null; // storage is forbidden
  }
}

/** @param {string} name @param {string} value */
function keep(name, value) {
  keptSince.set(name, value);
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // storage is full or forbidden: the choice holds in this tab
  }
}

/**
 * The rows for which all conditions hold; null is one that holds for each row.
 * @param {Row[]} rows @param {(((props: { row: Row }) => boolean) | null)[]} conditions @returns {Row[]}
 */
export function where(rows, ...conditions) {
  const asked = conditions.filter((condition) => condition !== null);
  return asked.length ? rows.filter((row) => asked.every((holds) => holds({ row }))) : rows;
}

/** @param {Row[]} rows @param {boolean} isReversed @returns {Row[]} */
export function ordered(rows, isReversed) {
  return isReversed ? rows.slice().reverse() : rows;
}

/** @param {string} option */
function inAddress(option) {
  return option.toLowerCase();
}
