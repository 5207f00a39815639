// @ts-check
/** What the browser does when a person submits a new todo. */

import { h } from "vue";

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
     * Send the title to the server and empty the field, so that the next todo can be typed meanwhile. The server hears
     * that the field is empty before it gets the title, so it can put a refused title back. Without a connection the
     * title stays in the field.
     * @this {any} @param {KeyboardEvent | MouseEvent} event @param {(title: string) => void} send
     */
    submit(event, send) {
      const isComposing = "isComposing" in event && event.isComposing; // Enter then chooses a word of an input method
      if (isComposing || !(/** @type {any} */ (window).socket?.connected)) return;
      const field = this.field();
      const title = field.value;
      field.value = "";
      field.dispatchEvent(new Event("input"));
      field.focus();
      setTimeout(() => send(title));
    },
  },
  /** @this {any} */
  render() {
    return h("div", this.$slots.default?.());
  },
};
