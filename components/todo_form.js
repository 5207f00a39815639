// @ts-check
/** What the browser does when a person submits a new todo. */

import { h } from "vue";

const KEEPING = "todosync-keeping-drafts"; // see assets/tabs/drafts.js

export default {
  /** @this {any} */
  mounted() {
    // on a device with a touch keyboard the focus would open it, over half of the list
    if (matchMedia("(hover: hover)").matches) this.field().focus();
    /** @type {string | null} a title that the server has yet to answer, where the browser keeps no writes */
    this.unsent = null;
    addEventListener(KEEPING, this.putBack);
    const { status } = /** @type {any} */ (window).todosync;
    this.$watch(
      () => status.connected,
      (/** @type {boolean} */ connected) => connected || this.putBack(),
    );
  },
  /** @this {any} */
  unmounted() {
    removeEventListener(KEEPING, this.putBack);
  },
  methods: {
    /** @this {any} @returns {HTMLInputElement} */
    field() {
      return this.$el.querySelector("input");
    },
    /**
     * Add a todo, and empty the field for the next one; where nothing is typed, do nothing. A refused title comes back into it. Where the browser keeps no
     * writes, the server is sent the title, after it has heard that the field is empty, so it can put the title back;
     * without a connection the title then stays in the field, and it comes back if the connection ends before the answer.
     * @this {any} @param {KeyboardEvent | MouseEvent} event @param {(title: string) => void} send
     */
    submit(event, send) {
      const { socket, todosync } = /** @type {any} */ (window);
      if ("key" in event && (event.repeat || todosync.isOfInputMethod(event))) return;
      const { connected, role } = todosync.status;
      const field = this.field();
      const title = field.value;
      if (!title.trim()) return;
      const written = todosync.writes.insert("todos", { title: title.trim() });
      if (!written && (this.unsent !== null || !(connected || (role === "alone" && socket?.connected)))) return;
      this.fill("");
      field.focus();
      dispatchEvent(new Event("todo-added"));
      if (!written) {
        this.unsent = title;
        setTimeout(() => send(title));
      } else written.then((/** @type {any} */ { state }) => state === "refused" && !field.value && this.fill(title));
    },
    /** The server has answered: a refused title is in the field. @this {any} @param {boolean} isDone */
    answered(isDone) {
      if (isDone && this.unsent !== null && this.field().value === this.unsent) this.fill("");
      this.unsent = null;
    },
    /** A title that may be lost is in the field again, before what was typed since. @this {any} */
    putBack() {
      if (this.unsent === null || this.field().value.startsWith(this.unsent)) return;
      this.fill([this.unsent, this.field().value].filter(Boolean).join(" "));
    },
    /** @this {any} @param {string} title */
    fill(title) {
      const field = this.field();
      field.value = title;
      field.dispatchEvent(new Event("input"));
    },
  },
  /** @this {any} */
  render() {
    return h("div", this.$slots.default?.());
  },
};
