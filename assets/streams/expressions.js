// @ts-check
/**
 * The operations of expressions over a row, by the names and with the results that they have in Python, in
 * `todosync/elements/operations.py` and `formats.py`. With a decimal, numbers are computed exactly, and the result is a decimal.
 */

import { Decimal } from "./decimals.js";
import { date_text, money, relative, time_text } from "./formats.js";
import { isLess } from "./order.js";

/** @param {any} value */
const isNothing = (value) => value === null || value === undefined;

/** @param {any} value @returns {string} */
const text = (value) => {
  if (isNothing(value)) return "";
  return typeof value === "object" && !(value instanceof Decimal) ? JSON.stringify(value) : String(value);
};

/** @param {any} value */
const is_true = (value) => {
  if (value instanceof Decimal) return value.units !== 0n;
  return !isNothing(value) && value !== false && value !== 0 && value !== "";
};

/** @param {(a: any, b: any) => any} compute @returns {(a: any, b: any) => any} of what has a value */
const ofValues = (compute) => (a, b) => (isNothing(a) || isNothing(b) ? null : compute(a, b));

/**
 * @param {(a: any, b: any) => any} compute @param {(a: Decimal, b: Decimal) => any} exactly
 * @returns {(a: any, b: any) => any} of numbers, exactly where one of them is a decimal
 */
const ofNumbers = (compute, exactly) =>
  ofValues((a, b) => {
    if (!(a instanceof Decimal || b instanceof Decimal)) return compute(a, b);
    const [one, other] = [Decimal.of(a), Decimal.of(b)];
    return one && other && exactly(one, other);
  });

const sum = ofNumbers(
  (a, b) => a + b,
  (a, b) => a.plus(b),
);
const equal_numbers = ofNumbers(
  (a, b) => a === b,
  (a, b) => a.compare(b) === 0,
);
const less_number = ofNumbers(isLess, isLess);

/** Whether both are texts, or neither is; a decimal is no text, and no truth. @param {any} a @param {any} b */
function areOfAKind(a, b) {
  if (a instanceof Decimal || b instanceof Decimal)
    return ![typeof a, typeof b].some((type) => /string|boolean/.test(type));
  return (typeof a === "string") === (typeof b === "string");
}

export const expressions = {
  money,
  date_text,
  time_text,
  relative,
  text,
  is_true,
  /** @param {any} a @param {any} b */
  add: (a, b) => (typeof a === "string" || typeof b === "string" ? text(a) + text(b) : sum(a, b)),
  subtract: ofNumbers(
    (a, b) => a - b,
    (a, b) => a.plus(b.negated()),
  ),
  multiply: ofNumbers(
    (a, b) => a * b,
    (a, b) => a.times(b),
  ),
  divide: ofValues((a, b) => (Number(b) ? Number(a) / Number(b) : null)),
  /** @param {any} a @param {any} b */
  equal: (a, b) =>
    isNothing(a) || isNothing(b) ? isNothing(a) && isNothing(b) : areOfAKind(a, b) && equal_numbers(a, b),
  /** @param {any} a @param {any} b */
  less: (a, b) => !isNothing(a) && !isNothing(b) && areOfAKind(a, b) && less_number(a, b),
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
  /** A field of decimals, as something to compute with. @param {any} value */
  decimal: (value) => (isNothing(value) ? null : Decimal.of(value)),
  /** A value as rows hold it. @param {any} value */
  plain: (value) => (value instanceof Decimal ? value.text() : value),
  /**
   * A decimal as rows hold it, of what a person has typed; what is none is for the server to refuse.
   * @param {any} typed @param {number} scale
   */
  fixed: (typed, scale) => (isNothing(typed) || typed === "" ? null : (Decimal.of(typed)?.text(scale) ?? typed)),
  /** @param {any} value @param {any} part */
  contains: (value, part) => text(value).toLowerCase().includes(text(part).toLowerCase()),
};
