// @ts-check
/**
 * What the browser does when a person uses the list. What is written shows at once, and is kept until it is done. Where
 * the browser cannot keep it, the server is asked to do it.
 *
 * The list hears the events of all rows, so that a row has no handlers of its own, which would make it slow to render.
 *
 * An editor is open while its row has the attribute `data-editing`. Its field belongs to the person who types into it:
 * what others do to the todo meanwhile does not touch it.
 */

import { h } from "vue";

/** @typedef {{ id: number, title: string, completed: boolean }} Todo as its row shows it */
/** @typedef {(...args: any[]) => void} Emit asks the server */
/** @typedef {import("vue").VNode} VNode */

/** @returns {any} */
const todosync = () => /** @type {any} */ (window).todosync;

/** @returns {Todo[]} all todos, also those that are not shown */
const todos = () => todosync().stream("todos").rows;

export default {
  props: { isOldestFirst: String },
  emits: ["toggle", "edit", "delete"],
  /** @this {any} */
  mounted() {
    addEventListener("todo-added", this.showNewest);
    this.removals = new MutationObserver((changes) => this.saveRemoved(changes));
    this.removals.observe(this.$el, { childList: true, subtree: true });
  },
  /** @this {any} */
  unmounted() {
    removeEventListener("todo-added", this.showNewest);
    this.removals.disconnect();
  },
  methods: {
    /** @this {any} @param {any} event */
    onChange(event) {
      const { target } = event;
      const todo = todoOf(target);
      if (!todo || !target.matches(".todo-checkbox")) return;
      const { id } = todo;
      const completed = target.checked;
      todosync().writes.update("todos", id, { completed }) ?? this.$emit("toggle", id, completed);
      if (target.matches(":focus-visible")) focusFieldIfEmpty(this.$el);
    },
    /** @this {any} @param {any} event */
    onClick(event) {
      const row = rowOf(event.target);
      if (row && event.target.matches(".icon-edit")) this.openEditor(row);
      // the second click of a double click does not count: it would hit the neighbour, which has moved under the pointer
      if (row && event.target.matches(".icon-delete") && event.detail <= 1) this.remove(row, event.detail === 0);
    },
    /** A double click opens the editor; the word on which it was made is selected there. @this {any} @param {any} event */
    onDoubleClick(event) {
      const { target } = event;
      if (target.matches(".todo-title")) this.openEditor(rowOf(target), selectedIn(target));
    },
    /** @this {any} @param {any} event */
    onKey(event) {
      const row = rowOf(event.target);
      if (!row || !["Enter", "Escape"].includes(event.key) || todosync().isOfInputMethod(event)) return;
      const isTyped = event.target.matches(".todo-edit");
      if (event.key === "Enter" && (isTyped || event.repeat)) event.preventDefault(); // a key that is held acts once
      if (!isTyped || event.repeat) return;
      if (event.key === "Enter") this.save(row);
      else close(row);
      if (row.isConnected) row.querySelector(".icon-edit").focus();
    },
    /** A person has left the editor, which saves; but not one who has gone to another window. @this {any} @param {any} event */
    onLeave(event) {
      const { target } = event;
      const isInOtherWindow = document.activeElement === target && !document.hasFocus();
      if (target.matches(".todo-edit") && !isInOtherWindow) this.save(rowOf(target));
    },
    /** @param {any} event of the checkbox of all todos @param {Emit} emit */
    toggleAll({ target: { checked } }, emit) {
      const others = todos().filter(({ completed }) => completed !== checked);
      const { writes } = todosync();
      const written = others.map(({ id }) => writes.update("todos", id, { completed: checked }));
      if (written.includes(null)) emit(checked);
    },
    /** Delete the todos that are done. @this {any} @param {MouseEvent} event @param {Emit} emit */
    clearDone(event, emit) {
      const ids = todos().flatMap(({ id, completed }) => (completed ? [id] : []));
      const undo = ids.length === 1 ? "Deleted 1 todo that was done" : `Deleted ${ids.length} todos that were done`;
      todosync().writes.deleteAll("todos", ids, { undo }) ?? emit();
      if (event.detail === 0) focusField(); // the button has gone
    },
    /** @this {any} @param {any} row @param {boolean} isByKey */
    remove(row, isByKey) {
      const todo = todoOf(row);
      if (!todo) return;
      const undo = `Deleted “${todo.title}”`;
      todosync().writes.delete("todos", todo.id, { undo }) ?? this.$emit("delete", todo);
      if (isByKey) focusFieldIfEmpty(this.$el);
    },
    /** @this {any} @param {any} row @param {[number, number]} [selected] from where to where the title is selected */
    openEditor(row, selected) {
      const todo = todoOf(row);
      if (!todo) return;
      const field = row.querySelector(".todo-edit");
      row.dataset.editing = "";
      field.dataset.was = field.value = todo.title;
      field.dataset.before = field.value; // a field of one line shows no line breaks
      field.focus();
      if (selected) field.setSelectionRange(...selected);
      else field.select();
    },
    /**
     * Save the title, and close the editor. A title in which nothing was typed is not sent, since it would undo what others
     * have done to it. Of a title of which nothing is left, the todo is deleted. @this {any} @param {any} row
     */
    save(row) {
      if (row?.dataset.editing === undefined) return;
      const field = row.querySelector(".todo-edit");
      const { was, before } = field.dataset;
      close(row);
      const title = field.value.trim();
      if (field.value === before || title === before) return;
      if (!title) return this.remove(row, true);
      const id = idOf(row);
      const written = todosync().writes.update("todos", id, { title }, { title: was });
      if (!written) this.$emit("edit", id, title);
      written?.then((/** @type {any} */ { state, gone }) => state === "refused" && !gone && reopenEditor(id, title));
    },
    /**
     * A row may go while somebody types into it: others have deleted the todo, or the filter shows it no more. What was typed
     * is saved; where that is refused, the person is told it. @this {any} @param {MutationRecord[]} changes
     */
    saveRemoved(changes) {
      const removed = /** @type {any[]} */ (changes.flatMap(({ removedNodes }) => [...removedNodes]));
      // a row that has only moved is in the list again
      for (const node of removed) if (node.dataset?.editing !== undefined && !node.isConnected) this.save(node);
    },
    /** Have what was just added in view. @this {any} */
    showNewest() {
      const list = this.$el.querySelector(".todo-rows");
      const isLast = new Function(`return ${this.isOldestFirst}`)();
      // after the list has taken it, and has kept its other rows in place
      requestAnimationFrame(() => requestAnimationFrame(() => (list.scrollTop = isLast ? list.scrollHeight : 0)));
    },
  },
  /** @this {any} @returns {VNode} */
  render() {
    const { onChange, onClick, onDoubleClick, onKey, onLeave } = this;
    const on = { onChange, onClick, onDblclick: onDoubleClick, onKeydown: onKey, onFocusoutCapture: onLeave };
    return h("section", on, this.$slots.default?.());
  },
};

/** @param {Element} part @returns {any} the row in which it is */
function rowOf(part) {
  return part.closest(".todo");
}

/** @param {Element} row @returns {number} */
function idOf(row) {
  return Number(row.id.replace("todo-", ""));
}

/** @param {Element} part of its row @returns {Todo | undefined} */
function todoOf(part) {
  const row = rowOf(part);
  return row && todos().find(({ id }) => id === idOf(row));
}

/** @param {any} row */
function close(row) {
  delete row.dataset.editing;
  row.querySelector(".todo-edit").ariaInvalid = null;
}

/** @param {Element} title @returns {[number, number]} from where to where its text is selected, without line breaks */
function selectedIn(title) {
  const selection = getSelection();
  const text = document.createRange();
  text.selectNodeContents(title);
  const length = (/** @type {Range} */ range) => range.toString().replace(/[\r\n]/g, "").length;
  if (!selection?.rangeCount || !title.contains(selection.getRangeAt(0).startContainer)) return [0, length(text)];
  const { startContainer, startOffset, endContainer, endOffset } = selection.getRangeAt(0);
  text.setEnd(startContainer, startOffset);
  const start = length(text);
  text.selectNodeContents(title);
  if (title.contains(endContainer)) text.setEnd(endContainer, endOffset);
  return [start, length(text)];
}

/** The server has refused a title: it is in the editor again, so that it is not lost. @param {number} id @param {string} title */
function reopenEditor(id, title) {
  const row = document.getElementById(`todo-${id}`);
  if (!row || row.dataset.editing !== undefined) return;
  const hadFocus = row.contains(document.activeElement);
  row.dataset.editing = "";
  /** @type {HTMLInputElement} */
  const field = /** @type {any} */ (row.querySelector(".todo-edit"));
  field.value = title;
  field.ariaInvalid = "true";
  if (hadFocus) field.focus();
}

/** The last row may have gone with the focus in it. @param {Element} list */
function focusFieldIfEmpty(list) {
  setTimeout(() => !list.querySelector(".todo") && focusField());
}

function focusField() {
  /** @type {any} */ (document.querySelector(".todo-form input"))?.focus();
}
