import { KEEPING, keepDrafts, restoreDrafts } from "/assets/tabs/drafts.js";
import { equal, test } from "./harness.js";

/** @param {number[]} ids of the rows */
function page(...ids) {
  const rows = ids.map(
    (id) => `<div role="listitem" id="todo-${id}" ><button id="c9">Edit</button><input type="text" id="c7"></div>`,
  );
  document.body.innerHTML = `<label id="c3"><input></label><div id="c5">${rows.join("")}</div>`;
}

/** @param {number} id @returns {HTMLInputElement} */
function editor(id) {
  return /** @type {HTMLInputElement} */ (document.querySelector(`#todo-${id} input`));
}

function fields() {
  return [...document.querySelectorAll("input")].map(({ value }) => value);
}

test("the open editor of a row, its text and the focus are kept, whatever has become of the other rows", () => {
  page(3, 2, 1);
  editor(3).value = "left from before";
  /** @type {HTMLElement} */ (editor(1).parentElement).dataset.editing = "";
  Object.assign(editor(1), { value: "first, better" }).dataset.was = "first";
  editor(1).focus();
  keepDrafts();
  page(4, 1, 3);
  restoreDrafts();
  equal(fields(), ["", "", "first, better", ""]);
  equal([editor(1).parentElement?.dataset.editing, editor(1).dataset.was], ["", "first"]);
  equal(document.activeElement === editor(1), true);
  page(4, 1, 3);
  restoreDrafts();
  equal(fields(), ["", "", "", ""], "only once");
});

test("a row that is rendered later gets its text then", async () => {
  page(1);
  /** @type {HTMLElement} */ (editor(1).parentElement).dataset.editing = "";
  editor(1).value = "first, better";
  keepDrafts();
  page();
  restoreDrafts();
  page(2, 1);
  while (!editor(1).value) await new Promise((resolve) => setTimeout(resolve));
  equal(fields(), ["", "", "first, better"]);
});

test("what is on its way can be put back into its field before the drafts are kept", () => {
  page();
  const field = /** @type {HTMLInputElement} */ (document.querySelector("label input"));
  addEventListener(KEEPING, () => (field.value = "on its way"), { once: true });
  keepDrafts();
  page();
  restoreDrafts();
  equal(fields(), ["on its way"]);
});
