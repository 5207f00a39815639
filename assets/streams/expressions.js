// @ts-check
/**
 * The operations of expressions over a row, by the names and with the results that they have in Python, in
 * `todosync/elements/expressions.py`.
 */

import { isLess } from "./order.js";

/** @param {any} value */
const isNothing = (value) => value === null || value === undefined;

/** @param {any} value @returns {string} */
const text = (value) => (isNothing(value) ? "" : String(value));

/** @param {any} value */
const is_true = (value) => !isNothing(value) && value !== false && value !== 0 && value !== "";

/** @param {(a: any, b: any) => any} compute @returns {(a: any, b: any) => any} of what has a value */
const ofValues = (compute) => (a, b) => (isNothing(a) || isNothing(b) ? null : compute(a, b));

const sum = ofValues((a, b) => a + b);

export const expressions = {
  text,
  is_true,
  /** @param {any} a @param {any} b */
  add: (a, b) => (typeof a === "string" || typeof b === "string" ? text(a) + text(b) : sum(a, b)),
  subtract: ofValues((a, b) => a - b),
  multiply: ofValues((a, b) => a * b),
  divide: ofValues((a, b) => (b ? a / b : null)),
  /** @param {any} a @param {any} b */
  equal: (a, b) => (isNothing(a) ? isNothing(b) : a === b),
  /** @param {any} a @param {any} b */
  less: (a, b) => !isNothing(a) && !isNothing(b) && (typeof a === "string") === (typeof b === "string") && isLess(a, b),
  /** @param {any} a @param {any} b */
  both: (a, b) => is_true(a) && is_true(b),
  /** @param {any} a @param {any} b */
  either: (a, b) => is_true(a) || is_true(b),
  /** @param {any} value */
  no: (value) => !is_true(value),
  /** @param {any} condition @param {any} value @param {any} otherwise */
  choose: (condition, value, otherwise) => (is_true(condition) ? value : otherwise),
  /** @param {any} value @param {Record<string, any>} values @param {any} otherwise */
  look_up: (value, values, otherwise) =>
    (value ?? null) !== null && Object.hasOwn(values, text(value)) ? values[text(value)] : otherwise,
  /** @param {any} value @param {any} part */
  contains: (value, part) => text(value).toLowerCase().includes(text(part).toLowerCase()),
};
