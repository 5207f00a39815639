// @ts-check
/**
 * What the browser does when a person uses a row of the list. What is written shows at once, and is kept until it is done.
 * Where the browser cannot keep it, the server is asked to do it.
 *
 * An editor is open while its row has the attribute `data-editing`. Its field belongs to the person who types into it:
 * what others do to the todo meanwhile does not touch it.
 */

import { h } from "vue";

/** @typedef {{ id: number, title: string, completed: boolean }} Todo as the row shows it */
/** @typedef {(...args: any[]) => void} Emit asks the server */

/** @returns {any} */
const todosync = () => /** @type {any} */ (window).todosync;

/** @param {Event} event @returns {any} the row in which it has happened */
const rowOf = (event) => /** @type {HTMLElement} */ (event.currentTarget).closest(".todo");

export default {
  methods: {
    /** Check a todo, or uncheck it. @param {any} event @param {Todo} todo @param {Emit} emit */
    toggle(event, todo, emit) {
      const completed = event.target.checked;
      todosync().writes.update("todos", todo.id, { completed }) ?? emit(todo.id, completed);
    },
    /** @param {Event} event @param {Todo} todo */
    openEditor(event, todo) {
      const row = rowOf(event);
      const field = row.querySelector(".todo-edit");
      row.dataset.editing = "";
      field.dataset.was = field.value = todo.title;
      field.dataset.before = field.value; // a field of one line shows no line breaks
      field.focus();
      field.select();
    },
    /** Close the editor, and forget what was typed. @param {KeyboardEvent} event */
    closeEditor(event) {
      if (todosync().isOfInputMethod(event)) return;
      const row = rowOf(event);
      delete row.dataset.editing;
      row.querySelector(".icon-edit").focus();
    },
    /** Move the focus out of the field, which saves. @param {KeyboardEvent} event */
    leaveEditor(event) {
      if (todosync().isOfInputMethod(event)) return;
      event.preventDefault(); // of the key, which would press the button that gets the focus
      rowOf(event).querySelector(".icon-edit").focus();
    },
    /**
     * Save the title, and close the editor. A title in which nothing was typed is not sent, since it would undo what others
     * have done to it. @param {any} event @param {Todo} todo @param {Emit} emit
     */
    save(event, { id }, emit) {
      const field = event.currentTarget;
      const row = rowOf(event);
      if (row?.dataset.editing === undefined) return;
      delete row.dataset.editing;
      const title = field.value;
      if (title === field.dataset.before) return;
      const written = todosync().writes.update("todos", id, { title }, { title: field.dataset.was });
      if (!written) emit(id, title);
      written?.then((/** @type {any} */ { state, gone }) => state === "refused" && !gone && reopenEditor(id, title));
    },
    /**
     * Delete a todo. The focus goes to the neighbour, or to the field for a new one, so that somebody without a mouse does
     * not have to start from the top again. The second click of a double click does not count: it would hit the neighbour, which has moved under the pointer.
     * @param {MouseEvent} event @param {Todo} todo @param {Emit} emit
     */
    remove(event, todo, emit) {
      if (event.detail > 1) return;
      const row = rowOf(event);
      const neighbour = row.nextElementSibling ?? row.previousElementSibling;
      if (neighbour) neighbour.querySelector(".icon-delete").focus();
      else if (event.detail === 0) /** @type {any} */ (document.querySelector(".todo-form input"))?.focus(); // by a key
      const undo = `Deleted “${todo.title}”`;
      todosync().writes.delete("todos", todo.id, { undo }) ?? emit(todo);
    },
  },
  /** @this {any} */
  render() {
    return h("section", this.$slots.default?.());
  },
};

/** The server has refused a title: it is in the editor again, so that it is not lost. @param {number} id @param {string} title */
function reopenEditor(id, title) {
  const row = document.getElementById(`todo-${id}`);
  if (!row || row.dataset.editing !== undefined) return;
  row.dataset.editing = "";
  /** @type {HTMLInputElement} */ (row.querySelector(".todo-edit")).value = title;
}
