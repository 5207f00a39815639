// @ts-check
/**
 * What a person has chosen to see, in the address of the page: it survives a reload, and Back takes it back, and no server
 * is asked.
 */

import { shallowRef } from "vue";

/** @typedef {Record<string, any>} Row */

const query = shallowRef(location.search);
addEventListener("popstate", () => (query.value = location.search));

/** @param {string} name in the address @param {string[]} options the first one counts where the address names none */
export function choice(name, options) {
  const chosen = new URLSearchParams(query.value).get(name);
  return options.find((option) => inAddress(option) === chosen) ?? options[0];
}

/** @param {string} name @param {string[]} options @param {string} option */
export function choose(name, options, option) {
  const url = new URL(location.href);
  if (option === options[0]) url.searchParams.delete(name);
  else url.searchParams.set(name, inAddress(option));
  if (url.href !== location.href) history.pushState(history.state, "", url);
  query.value = url.search;
}

/**
 * The rows for which all conditions hold; null is one that holds for each row.
 * @param {Row[]} rows @param {(((props: { row: Row }) => boolean) | null)[]} conditions @returns {Row[]}
 */
export function where(rows, ...conditions) {
  const asked = conditions.filter((condition) => condition !== null);
  return asked.length ? rows.filter((row) => asked.every((holds) => holds({ row }))) : rows;
}

/** @param {string} option */
function inAddress(option) {
  return option.toLowerCase();
}
