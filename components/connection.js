// @ts-check
/** Tells whether the page is connected, in a word. Behind the word is a panel, for those who want to see how it works. */

import { h } from "vue";

/** @type {Record<string, string>} */
const WORDS = { connecting: "Connecting…", offline: "Offline", saving: "Saving…", synced: "Synced" };

/** @returns {any} */
const todosync = () => /** @type {any} */ (window).todosync;

export default {
  data: () => ({ wasConnected: false, wasLost: false }),
  computed: {
    /** @this {any} @returns {string} */
    state() {
      if (!todosync().status.connected) return this.wasConnected ? "offline" : "connecting";
      return todosync().writes.view.waiting ? "saving" : "synced";
    },
    /** @this {any} @returns {string} what assistive technology tells, without being asked */
    message() {
      if (this.state === "offline") return "Offline. What you do is kept, and sent later.";
      return this.wasLost ? "Connected again" : "";
    },
  },
  watch: {
    /** @this {any} @param {string} state */
    state(state) {
      this.wasConnected ||= state !== "connecting";
      this.wasLost ||= state === "offline";
    },
  },
  methods: {
    /** @param {any} event of the panel, which was opened or closed */
    note({ target }) {
      todosync().log.view.isOpen = target.open;
    },
  },
  /** @this {any} */
  render() {
    const word = h("span", { class: "connection-state", "data-state": this.state }, WORDS[this.state]);
    const more = h("span", { class: "visually-hidden" }, " – show the connection");
    return h("div", [
      h("details", { onToggle: this.note }, [h("summary", [word, more]), this.$slots.default?.()]),
      h("span", { class: "visually-hidden", role: "status" }, this.message),
    ]);
  },
};
