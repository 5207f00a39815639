// @ts-check
/** The button that switches between light and dark. The browser itself keeps what was chosen. */

import { h } from "vue";

const YEAR_S = 365 * 24 * 3600;

export default {
  methods: {
    /** Have the next pages begin with a choice. @param {string} cookie its name @param {string} choice */
    keep(cookie, choice) {
      const secure = location.protocol === "https:" ? "; secure" : "";
      document.cookie = `${cookie}=${choice}; path=/; max-age=${YEAR_S}; samesite=lax${secure}`;
    },
  },
  render() {
    return h("button", { type: "button" });
  },
};
