// @ts-check
/**
 * What a person typed and where they had scrolled to, kept over a reload that the server makes necessary. NiceGUI
 * numbers the elements of a page in the order in which it builds them, so the same page finds its elements again.
 */

const KEY = "todosync-drafts";
const SCROLL_ATTEMPTS = 20;
const SCROLL_INTERVAL_MS = 50;
const TEXT_FIELDS = 'textarea, input:not([type]), input[type="text"], input[type="search"], input[type="email"]';

/** Keep the drafts of this page for its next load. */
export function keepDrafts() {
  const fields = [...document.querySelectorAll(TEXT_FIELDS)]
    .map((field) => [place(field), /** @type {HTMLInputElement} */ (field).value])
    .filter(([where, value]) => where && value);
  const scrolled = [...document.querySelectorAll("*")]
    .filter((element) => element.scrollTop > 0)
    .map((element) => [place(element), element.scrollTop])
    .filter(([where]) => where);
  const focus = document.activeElement ? place(document.activeElement) : null;
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ path: location.pathname, fields, scrolled, focus }));
  } catch {
    // storage is full or forbidden: the reload must happen all the same
  }
}

/** Put back what was kept for this page, once. Call it when the page has been rendered. */
export function restoreDrafts() {
  const kept = takeKept();
  if (!kept) return;
  const { path, fields, scrolled, focus } = JSON.parse(kept);
  if (path !== location.pathname) return;
  for (const [where, value] of fields) type(find(where), value);
  for (const [where, top] of scrolled) scroll(where, top, SCROLL_ATTEMPTS);
  const focused = focus && find(focus);
  if (focused instanceof HTMLElement) focused.focus();
}

function takeKept() {
  try {
    const kept = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    return kept;
  } catch {
    return null; // storage is forbidden
  }
}

/** A virtual list has its height only some time after it has rendered. @param {string} where @param {number} top @param {number} attempts */
function scroll(where, top, attempts) {
  const element = find(where);
  if (element) element.scrollTop = top;
  const arrived = element && Math.abs(element.scrollTop - top) < 1;
  if (!arrived && attempts > 1) setTimeout(() => scroll(where, top, attempts - 1), SCROLL_INTERVAL_MS);
}

/** Enter a text as a person does, so that the page's own handlers take it. @param {Element | null} field @param {string} text */
function type(field, text) {
  if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) || field.value) return;
  const prototype = field instanceof HTMLInputElement ? HTMLInputElement.prototype : HTMLTextAreaElement.prototype;
  Object.getOwnPropertyDescriptor(prototype, "value")?.set?.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/**
 * Where an element stands: the NiceGUI element around it, and which of its descendants of that tag it is.
 * @param {Element} element @returns {string | null}
 */
function place(element) {
  if (element === document.scrollingElement) return "window";
  const owner = element.closest('[id^="c"]');
  if (!owner) return null;
  return `${owner.id} ${element === owner ? -1 : [...owner.querySelectorAll(element.tagName)].indexOf(element)} ${element.tagName}`;
}

/** @param {string} where @returns {Element | null} */
function find(where) {
  if (where === "window") return document.scrollingElement;
  const [id, index, tag] = where.split(" ");
  const owner = document.getElementById(id);
  if (!owner) return null;
  const element = index === "-1" ? owner : owner.querySelectorAll(tag)[Number(index)];
  return element?.tagName === tag ? element : null;
}
