// @ts-check
/** Which field of a row this person is in: one of those that Python has bound both ways, and in which one types. */

export const SETTLE_MS = 100; // who walks through fields with Tab says only where they stay
export const LOOK_MS = 1000; // an element that is taken out with the focus in it says nothing

const TYPED = "input:not([type=checkbox]):not([type=radio]), textarea, [contenteditable]";

/** @param {(place: any[]) => void} tell called with stream, id and field, or with nothing */
export function watchFocus(tell) {
  let told = "";
  /** @type {any} */
  let timer = null;
  const look = () => {
    timer = null;
    const now = focusedField();
    if (now !== told) {
      told = now;
      tell(now ? JSON.parse(now) : []);
    }
    if (now) timer = setTimeout(look, LOOK_MS);
  };
  const lookSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(look, SETTLE_MS);
  };
  document.addEventListener("focusin", lookSoon);
  document.addEventListener("focusout", lookSoon);
}

/** The place of the field that has the focus, as `bind_value` names it; empty if there is none. */
function focusedField() {
  const element = document.activeElement;
  if (!element?.matches(TYPED) || !document.hasFocus()) return "";
  return /** @type {HTMLElement | null} */ (element.closest("[data-field]"))?.dataset.field ?? "";
}
