// @ts-check
/** The event log of this tab. The log itself is the browser's, so it works without a connection. */

import { h } from "vue";

export default {
  methods: {
    /** Empty the log here, and have the server empty its own. @param {() => void} emit */
    clear(emit) {
      /** @type {any} */ (window).todosync.log.clear();
      emit();
    },
  },
  /** @this {any} */
  render() {
    return h("div", this.$slots.default?.());
  },
};
