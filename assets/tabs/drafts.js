// @ts-check
/**
 * What a person typed and where they had scrolled to, kept over a reload that the server makes necessary. NiceGUI
 * numbers the elements of a page in the order in which it builds them, so the same page finds its elements again. The
 * elements of a list's rows have the same numbers in each row, so there the `id` of the row tells them apart. Another build
 * may number them otherwise: then the name that a person reads beside a field finds it. A row with the attribute
 * `data-editing` has its editor open, and has it open again.
 */

const KEY = "todosync-drafts";
const ROW = "[role=listitem][id]";
const ATTEMPTS = 20;
const INTERVAL_MS = 50;
/** Dispatched to the window before the drafts are kept: what is on its way to the server can be put back into its field. */
export const KEEPING = "todosync-keeping-drafts";
const TEXT_FIELDS = 'textarea, input:not([type]), input[type="text"], input[type="search"], input[type="email"]';

/** Keep the drafts of this page for its next load. */
export function keepDrafts() {
  window.dispatchEvent(new Event(KEEPING));
  const editing = [...document.querySelectorAll(`${ROW}[data-editing]`)].map(({ id }) => id);
  const fields = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll(TEXT_FIELDS)])
    .filter((field) => !field.closest(`${ROW}:not([data-editing])`))
    .map((field) => /** @type {const} */ ([place(field), field.value, { ...field.dataset }, labelOf(field)]))
    .filter(([where, value]) => where && value);
  const scrolled = [...document.querySelectorAll("*")]
    .filter((element) => element.scrollTop > 0)
    .map((element) => [place(element), element.scrollTop])
    .filter(([where]) => where);
  const focus = document.activeElement ? place(document.activeElement) : null;
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ path: location.pathname, editing, fields, scrolled, focus }));
  } catch {
    // storage is full or forbidden: the reload must happen all the same
  }
}

/** Put back what was kept for this page, once. Call it when the page has been rendered. */
export function restoreDrafts() {
  const kept = takeKept();
  if (!kept) return;
  const { path, editing = [], fields, scrolled, focus } = JSON.parse(kept); // an earlier build knew no editors
  if (path !== location.pathname) return;
  for (const [where, top] of scrolled) attempt(() => scroll(find(where), top));
  for (const id of editing) attempt(() => edit(document.getElementById(id)));
  for (const [where, value, dataset, label] of fields) {
    // an earlier build kept no labels
    const isIt = (/** @type {Element} */ field) => isTextField(field) && (!label || labelOf(field) === label);
    const putBack = () =>
      type(
        [find(where)].find((field) => field && isIt(field)),
        value,
        dataset,
      );
    attempt(putBack, () => /^c\d/.test(where) && type(otherField(label), value, dataset));
  }
  if (focus) attempt(() => take(find(focus)));
}

/**
 * A list has its rows, and its height, only some time after it has rendered.
 * @param {() => boolean} restore @param {() => void} [otherwise] @param {number} [attempts]
 */
function attempt(restore, otherwise = () => {}, attempts = ATTEMPTS) {
  if (restore()) return;
  if (attempts > 1) setTimeout(() => attempt(restore, otherwise, attempts - 1), INTERVAL_MS);
  else otherwise();
}

/** @param {string | undefined} label @returns {Element | undefined} the field of that name, or an empty one, outside of rows */
function otherField(label) {
  const fields = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll(TEXT_FIELDS)]);
  const outside = fields.filter((field) => !field.closest(ROW) && field.checkVisibility());
  return outside.find((field) => label && labelOf(field) === label) ?? outside.find(({ value }) => !value);
}

/** @param {Element} field */
function isTextField(field) {
  return field.matches(TEXT_FIELDS);
}

/** @param {Element} field @returns {string} the name that a person reads or hears */
function labelOf(field) {
  const { ariaLabel, labels } = /** @type {HTMLInputElement} */ (field);
  return ariaLabel ?? labels?.[0]?.textContent?.trim() ?? "";
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

/** @param {Element | null} element @param {number} top @returns {boolean} whether it is there */
function scroll(element, top) {
  if (element) element.scrollTop = top;
  return element !== null && Math.abs(element.scrollTop - top) < 1;
}

/** @param {HTMLElement | null} row */
function edit(row) {
  if (row) row.dataset.editing = "";
  return row !== null;
}

/** @param {Element | null} element */
function take(element) {
  if (element instanceof HTMLElement) element.focus();
  return element !== null;
}

/**
 * Enter a text as a person does, so that the page's own handlers take it.
 * @param {Element | null | undefined} field @param {string} text @param {DOMStringMap} dataset of the field
 * @returns {boolean} whether it is there
 */
function type(field, text, dataset) {
  if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement)) return false;
  Object.assign(field.dataset, dataset);
  if (field.value) return true;
  const prototype = field instanceof HTMLInputElement ? HTMLInputElement.prototype : HTMLTextAreaElement.prototype;
  Object.getOwnPropertyDescriptor(prototype, "value")?.set?.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return true;
}

/**
 * Where an element stands: the row or else the NiceGUI element around it, and which of its descendants of that tag it is.
 * @param {Element} element @returns {string | null}
 */
function place(element) {
  if (element === document.scrollingElement) return "window";
  const owner = element.closest(ROW) ?? element.closest('[id^="c"]');
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
