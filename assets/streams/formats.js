// @ts-check
/** How values are shown to the person in front of the browser: in their language, and in their time zone. */

import { shallowReactive } from "vue";
import { Decimal } from "./decimals.js";

const TICK_MS = 10_000; // what tells how long ago something was follows the clock
const DAY_MS = 86_400_000;
const DATE = /^\d{4}-\d\d-\d\d$/;
const TIME = /^\d\d:\d\d/;
/** @type {[Intl.RelativeTimeFormatUnit, number, number][]} up to how many days a unit is told, and how many it has */
const UNITS = [
  ["day", 14, 1],
  ["week", 60, 7],
  ["month", 365, 30],
  ["year", Infinity, 365],
];

export const viewer = shallowReactive({ locale: navigator.language, now: Date.now() });
let isTicking = false;

/** @type {Map<string, any>} by what they do: it takes long to make one */
const formats = new Map();

/** @template T @param {new (locale: string, options: any) => T} Kind @param {object} options @returns {T} */
function format(Kind, options) {
  const key = JSON.stringify([Kind.name, viewer.locale, options]);
  if (!formats.has(key)) formats.set(key, new Kind(viewer.locale, options));
  return formats.get(key);
}

/**
 * An amount of money. @param {any} value @param {string} currency three letters
 * @param {boolean} isSmall whether it is in the smallest unit, such as cents
 */
export function money(value, currency, isSmall) {
  const amount = Decimal.of(value);
  if (!amount) return "";
  const shown = format(Intl.NumberFormat, { style: "currency", currency, useGrouping: "always" });
  const digits = shown.resolvedOptions().maximumFractionDigits ?? 2;
  const whole = isSmall ? new Decimal(amount.units, amount.scale + digits) : amount;
  return shown.format(/** @type {any} */ (whole.rounded(digits).text())); // a text is taken exactly
}

/** A date, of a time too. @param {any} value @param {string} style "short", "medium", "long" or "full" */
export function date_text(value, style) {
  const at = instant(value);
  if (Number.isNaN(at)) return "";
  return format(Intl.DateTimeFormat, { dateStyle: style, ...zoneOf(value) }).format(at);
}

/** A time of day. @param {any} value @param {string} style "short" or "medium" */
export function time_text(value, style) {
  const at = instant(value);
  if (Number.isNaN(at)) return "";
  // browsers do not agree on the width of the space before "PM"
  return format(Intl.DateTimeFormat, { timeStyle: style, ...zoneOf(value) })
    .format(at)
    .replace(/\u202f/g, " ");
}

/** How long ago something was, or how long it takes until then. @param {any} value */
export function relative(value) {
  const at = instant(value);
  if (Number.isNaN(at)) return "";
  if (!isTicking) setInterval(() => (viewer.now = Date.now()), TICK_MS);
  isTicking = true;
  const { now } = viewer;
  const minutes = Math.trunc((at - now) / 60_000);
  if (DATE.test(value) || Math.abs(minutes) >= 24 * 60)
    return inDays((DATE.test(value) ? at / DAY_MS : day(at)) - day(now));
  if (minutes === 0) return told(0, "second");
  return Math.abs(minutes) < 60 ? told(minutes, "minute") : told(Math.trunc(minutes / 60), "hour");
}

/** @param {number} days */
function inDays(days) {
  const [unit, , size] = UNITS.find(([, limit]) => Math.abs(days) < limit) ?? UNITS[0];
  return told(Math.trunc(days / size), unit);
}

/** @param {number} number @param {Intl.RelativeTimeFormatUnit} unit */
function told(number, unit) {
  return format(Intl.RelativeTimeFormat, { numeric: "auto" }).format(number || 0, unit);
}

/** The number of a day where the person is. @param {number} at milliseconds since 1970 */
function day(at) {
  return Math.floor((at - new Date(at).getTimezoneOffset() * 60_000) / DAY_MS);
}

/** @param {any} value a date, a time of day, or a time @returns {number} milliseconds since 1970 */
function instant(value) {
  return Date.parse(TIME.test(value) ? `1970-01-01T${value}Z` : (value ?? ""));
}

/** A date and a time of day are the same everywhere. @param {any} value */
function zoneOf(value) {
  return DATE.test(value) || TIME.test(value) ? { timeZone: "UTC" } : {};
}
