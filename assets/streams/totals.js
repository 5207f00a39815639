// @ts-check
/** Totals, and the texts that are made of them, with what this browser has written and the server has yet to count. */

/**
 * @typedef {Record<string, any>} Row
 * @typedef {{ field: string, is_sum: boolean }} Total what a row adds: 1, 1 if a field is true, or the number in it
 * @typedef {string | { number: string, zero: string, one: string, other: string }} Text with places for totals
 * @typedef {{ totals: Record<string, Total>, texts: Record<string, Text> }} Declared how a stream makes its totals
 */

const PLACE = /\{([^{}]+)\}/g;
const TERM = /\s*([+-]?)\s*([\p{L}_][\p{L}\p{N}_]*)\s*/gu;

/**
 * The totals of the server, and the difference that rows make which are shown otherwise than the server has them.
 * @param {Record<string, any>} counted by the server @param {Declared} declared
 * @param {Iterable<readonly [Row | undefined, Row | undefined]>} changes rows as the server has them, and as they are shown
 * @returns {Record<string, any>}
 */
export function totalsAfter(counted, { totals, texts }, changes) {
  const found = { ...counted };
  for (const [before, after] of changes) {
    for (const [name, total] of Object.entries(totals)) found[name] += added(total, after) - added(total, before);
  }
  for (const [name, text] of Object.entries(texts)) found[name] = shown(text, found);
  return found;
}

/** @param {Total} total @param {Row} [row] */
function added({ field, is_sum: isSum }, row) {
  if (!row) return 0;
  if (!field) return 1;
  return isSum ? Math.trunc(Number(row[field]) || 0) : Number(Boolean(row[field]));
}

/** @param {Text} text @param {Record<string, number>} totals */
function shown(text, totals) {
  return form(text, totals).replace(PLACE, (_, expression) => String(amount(expression, totals)));
}

/** @param {Text} text @param {Record<string, number>} totals */
function form(text, totals) {
  if (typeof text === "string") return text;
  const number = amount(text.number, totals);
  if (number === 0) return text.zero;
  return number === 1 ? text.one : text.other;
}

/** @param {string} expression names of totals, with "+" and "-" between them @param {Record<string, number>} totals */
function amount(expression, totals) {
  let sum = 0;
  for (const [, sign, name] of expression.matchAll(TERM)) sum += sign === "-" ? -totals[name] : totals[name];
  return sum;
}
