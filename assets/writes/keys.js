// @ts-check
/** The keys of a person who types. */

/**
 * Whether a key chooses a word of an input method, and so neither saves nor closes anything. Safari tells that by the
 * code only. @param {KeyboardEvent} event
 */
export function isOfInputMethod(event) {
  return event.isComposing || event.keyCode === 229;
}
