// @ts-check
/** Totals, and the texts that are made of them, with what this browser has written and the server has yet to count. */

/**
 * @typedef {Record<string, any>} Row
 * @typedef {{ field: string, is_sum: boolean, scale?: number | null }} Total what a row adds: 1, 1 if a field is true, or
 *   the number in it; `scale` of a field of decimals
 * @typedef {string | { number: string, zero: string, one: string, other: string }} Text with places for totals
 * @typedef {{ totals: Record<string, Total>, texts: Record<string, Text> }} Declared how a stream makes its totals
 */

import { Decimal } from "./decimals.js";

const NONE = new Decimal(0n, 0);
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
    for (const [name, total] of Object.entries(totals)) {
      if (total.is_sum && typeof total.scale === "number") found[name] = exactSum(total, found[name], before, after);
      else found[name] += added(total, after) - added(total, before);
    }
  }
  for (const [name, text] of Object.entries(texts)) found[name] = shown(text, found);
  return found;
}

/** @param {Total} total @param {string} sum @param {Row} [before] @param {Row} [after] */
function exactSum({ field, scale }, sum, before, after) {
  const of = (/** @type {any} */ value) => Decimal.of(value ?? 0) ?? NONE;
  return of(sum)
    .plus(of(after?.[field]))
    .plus(of(before?.[field]).negated())
    .text(scale ?? 0);
}

/** @param {Total} total @param {Row} [row] */
function added({ field, is_sum: isSum, scale }, row) {
  if (!row) return 0;
  if (!field) return 1;
  if (typeof scale === "number") return Number(Boolean(Decimal.of(row[field])?.units));
  return isSum ? Math.trunc(Number(row[field]) || 0) : Number(Boolean(row[field]));
}

/** @param {Text} text @param {Record<string, any>} totals */
function shown(text, totals) {
  return form(text, totals).replace(PLACE, (_, expression) => String(amount(expression, totals)));
}

/** @param {Text} text @param {Record<string, any>} totals */
function form(text, totals) {
  if (typeof text === "string") return text;
  const number = Number(amount(text.number, totals));
  if (number === 0) return text.zero;
  return number === 1 ? text.one : text.other;
}

/**
 * @param {string} expression names of totals, with "+" and "-" between them @param {Record<string, any>} totals
 * @returns {Decimal}
 */
function amount(expression, totals) {
  let sum = NONE;
  for (const [, sign, name] of expression.matchAll(TERM)) {
    const term = Decimal.of(totals[name]) ?? NONE;
    sum = sum.plus(sign === "-" ? term.negated() : term);
  }
  return sum;
}
