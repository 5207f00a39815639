// @ts-check
/**
 * Ctrl+Z, on a Mac Cmd+Z, takes back what the person has done last. In a field for text the keys are the field's own: they
 * take back what was typed. Only an empty field, in which nothing was typed since it was emptied, has nothing to take back.
 */

import { isOfInputMethod } from "./keys.js";

const NO_TEXT = ["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"];

/** @param {() => void} undo */
export function watchUndoKeys(undo) {
  /** @type {WeakSet<EventTarget>} the fields in which the browser itself can take something back */
  const typedIn = new WeakSet();
  const note = (/** @type {Event} */ { target, isTrusted }) => {
    if (target && isTrusted) typedIn.add(target);
    else if (target && isEmpty(target)) typedIn.delete(target); // a program has emptied it
  };
  document.addEventListener("input", note, { capture: true, passive: true });
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.defaultPrevented || event.repeat || !isUndo(event) || isOfInputMethod(event) || !target) return;
    if (isTextField(target) && (typedIn.has(target) || !isEmpty(target))) return;
    event.preventDefault();
    undo();
  });
}

/** @param {KeyboardEvent} event */
function isUndo({ key, code, ctrlKey, metaKey, shiftKey, altKey }) {
  const isZ = key.toLowerCase() === "z" || (key > "\x7f" && code === "KeyZ"); // other alphabets have no Z
  return isZ && ctrlKey !== metaKey && !shiftKey && !altKey;
}

/** @param {EventTarget} target */
function isTextField(target) {
  if (target instanceof HTMLInputElement) return !target.readOnly && !NO_TEXT.includes(target.type);
  return target instanceof HTMLTextAreaElement || (target instanceof HTMLElement && target.isContentEditable);
}

/** @param {EventTarget} target */
function isEmpty(target) {
  return (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) && target.value === "";
}
