// @ts-check
/** What the browser does when a person submits a new todo. */

import { h } from "vue";

/** Whether a key chooses a word of an input method. Safari tells that by the code only. @param {KeyboardEvent} event */
function isOfInputMethod(event) {
  return event.isComposing || event.keyCode === 229;
}

export default {
  /** @this {any} */
  mounted() {
    // on a device with a touch keyboard the focus would open it, over half of the list
    if (matchMedia("(hover: hover)").matches) this.field().focus();
  },
  methods: {
    /** @this {any} @returns {HTMLInputElement} */
    field() {
      return this.$el.querySelector("input");
    },
    /**
     * Add a todo, and empty the field for the next one. A refused title comes back into it. Where the browser keeps no
     * writes, the server is sent the title, after it has heard that the field is empty, so it can put the title back;
     * without a connection the title then stays in the field.
     * @this {any} @param {KeyboardEvent | MouseEvent} event @param {(title: string) => void} send
     */
    submit(event, send) {
      if ("key" in event && (event.repeat || isOfInputMethod(event))) return;
      const { socket, todosync } = /** @type {any} */ (window);
      const field = this.field();
      const title = field.value;
      const written = title.trim() ? todosync.writes.insert("todos", { title }) : null;
      if (!written && !socket?.connected) return;
      this.fill("");
      field.focus();
      if (!written) setTimeout(() => send(title));
      else written.then((/** @type {any} */ { state }) => state === "refused" && !field.value && this.fill(title));
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
