// @ts-check
/**
 * Keeps the title of the document at what an expression returns. A title is drawn by the browser's own process, one for
 * all tabs, which takes longer than what a change renders in a page: it waits until the page is painted.
 */

import { watch } from "vue";

const PAUSE_MS = 100;

export default {
  props: { text: String },
  /** @this {any} */
  mounted() {
    const evaluate = new Function(`return (${this.text})`);
    watch(
      () => evaluate(),
      (title) => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => (document.title = title), PAUSE_MS);
      },
      { immediate: true },
    );
  },
  /** @this {any} */
  unmounted() {
    clearTimeout(this.timer);
  },
  render: () => null,
};
