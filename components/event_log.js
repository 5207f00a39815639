// @ts-check
/** The panel with the event log of this tab. The log itself is the browser's, so the panel works without a connection. */

import { h } from "vue";

export default {
  computed: {
    /** @returns {any} */
    log: () => /** @type {any} */ (window).todosync.log,
  },
  methods: {
    /** @this {any} @param {any} event of the panel, which was opened or closed */
    note(event) {
      this.log.view.isOpen = event.target.open;
    },
    /** Empty the log here, and have the server empty its own. @this {any} @param {() => void} emit */
    clear(emit) {
      this.log.clear();
      emit();
    },
  },
  /** @this {any} */
  render() {
    return h("details", { onToggle: this.note }, this.$slots.default?.());
  },
};
