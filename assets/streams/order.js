// @ts-check
/** The order of values, the same as in Python and in the databases. */

import { Decimal } from "./decimals.js";

const LOWEST = new Decimal(-(10n ** 30n), 0);

/**
 * Whether a value comes before another. Texts are ordered by code points, as in Python and in the databases: JavaScript
 * itself takes the characters beyond U+FFFF for lower than some others, since it compares halves of them.
 * @param {any} a @param {any} b
 */
export function isLess(a, b) {
  if (a instanceof Decimal && b instanceof Decimal) return a.compare(b) < 0;
  if (typeof a !== "string" || typeof b !== "string") return a < b;
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at >= a.length || at >= b.length) return a.length < b.length;
  return inOrder(a.charCodeAt(at)) < inOrder(b.charCodeAt(at));
}

/** What stands for a decimal, so that it is ordered as a number; what is none comes first. @param {any} value */
export function numericOrder(value) {
  return Decimal.of(value) ?? LOWEST;
}

/** A number for half a character or a whole one, in the order of code points. @param {number} unit */
function inOrder(unit) {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
