// @ts-check
/** The order of values, the same as in Python and in the databases. */

/**
 * Whether a value comes before another. Texts are ordered by code points, as in Python and in the databases: JavaScript
 * itself takes the characters beyond U+FFFF for lower than some others, since it compares halves of them.
 * @param {any} a @param {any} b
 */
export function isLess(a, b) {
  if (typeof a !== "string" || typeof b !== "string") return a < b;
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at >= a.length || at >= b.length) return a.length < b.length;
  return inOrder(a.charCodeAt(at)) < inOrder(b.charCodeAt(at));
}

/** A number for half a character or a whole one, in the order of code points. @param {number} unit */
function inOrder(unit) {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
