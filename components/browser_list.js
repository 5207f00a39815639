// @ts-check
/**
 * A virtual-scrolled list of what an expression returns. Its slot is the row; a change of one item renders that row and
 * nothing else, neither its neighbours nor the page.
 */

import { h, resolveComponent } from "vue";

const REST = 40; // so many rows at the end of a list are all rendered, whether in view or not
const SCROLL_PAUSE_MS = 45; // longer than the 35 ms without an event that Quasar waits for before it renders

/** Its parent renders it anew only if one of the props is another: the item, or Python's rendering of rows. */
const Row = {
  props: ["item", "renderRow"],
  /** @this {any} */
  render() {
    return this.renderRow({ item: this.item })[0];
  },
};

export default {
  props: { items: String, itemKey: String, rowHeight: Number },
  computed: {
    /** @this {any} @returns {Function} */
    evaluate() {
      return new Function(`return (${this.items})`);
    },
  },
  /** @this {any} */
  render() {
    const items = this.evaluate();
    const renderRow = this.$slots.default;
    return h(
      resolveComponent("q-virtual-scroll"),
      {
        ref: "qRef",
        // Quasar notices a new length after it has rendered: what stands at the end of a short list would be gone for a
        // moment, and the focus with it
        itemsSize: items.length,
        itemsFn: (/** @type {number} */ from, /** @type {number} */ size) =>
          items.slice(from, items.length - from > REST ? from + size : undefined),
        virtualScrollItemSize: this.rowHeight,
        onScrollCapture: followScroll,
      },
      {
        default: (/** @type {{ item: any }} */ { item }) =>
          h(/** @type {any} */ (Row), { key: item[this.itemKey], item, renderRow }),
      },
    );
  },
};

/**
 * Quasar renders rows when no scroll event has come for a while, so that a long scroll leaves them behind. An event
 * that stands for many, at this distance, has them follow.
 * @param {Event & { currentTarget: any }} event
 */
function followScroll(event) {
  if (!event.isTrusted) return;
  event.stopImmediatePropagation();
  const list = event.currentTarget;
  list.scrolling ??= setTimeout(() => {
    list.scrolling = undefined;
    list.dispatchEvent(new Event("scroll"));
  }, SCROLL_PAUSE_MS);
}
