// @ts-check
/**
 * What a person has chosen to see, in the address of the page: it survives a reload, and Back takes it back, and no server
 * is asked.
 */

import { shallowRef } from "vue";

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

/** @param {Record<string, any>[]} rows @param {Record<string, any>} fields @returns {Record<string, any>[]} those that have them */
export function where(rows, fields) {
  const wanted = Object.entries(fields);
  return wanted.length ? rows.filter((row) => wanted.every(([name, value]) => row[name] === value)) : rows;
}

/** @param {string} option */
function inAddress(option) {
  return option.toLowerCase();
}
