// @ts-check
/**
 * A virtual-scrolled list of what an expression returns. Its slot is the row; a change of one item renders that row and
 * nothing else, neither its neighbours nor the page.
 */

import { cloneVNode, h, markRaw, resolveComponent, shallowReactive } from "vue";

const REST = 40; // so many rows at the end of a list are all rendered, whether in view or not
const SCROLL_PAUSE_MS = 45; // longer than the 35 ms without an event that Quasar waits for before it renders

/** @typedef {{ key: any, index: number, item: any }} Place where a row is rendered, and what it shows */

/** Rendered anew when the item in its place is another, or Python's rendering of rows is. */
const Row = {
  props: ["place", "places", "renderRow"],
  /** @this {any} */
  render() {
    const [row] = this.renderRow({ item: this.place.item });
    return cloneVNode(row, { onFocusout: letFocusMove });
  },
  /** @this {any} */
  unmounted() {
    if (this.places.get(this.place.key) === this.place) this.places.delete(this.place.key);
  },
};

export default {
  props: { items: String, itemKey: String, rowHeight: Number },
  data: () => ({ list: markRaw({ items: /** @type {any[]} */ ([]), length: 0 }) }),
  computed: {
    /** @this {any} @returns {Function} */
    evaluate() {
      return new Function(`return (${this.items})`);
    },
  },
  /** @this {any} */
  created() {
    /** @type {Map<any, Place>} by key */
    this.places = new Map();
    // in an array that is always a new one: what is returned may be the old one, with other items in it
    const source = () => [this.evaluate()];
    this.$watch(source, (/** @type {[any[]]} */ [items]) => this.show(items), { immediate: true });
  },
  methods: {
    /**
     * Have the rows rendered whose items are others, and the whole list only if any have come, gone or moved.
     * @this {any} @param {any[]} items
     */
    show(items) {
      const places = [...this.places.values()];
      const areInPlace = places.every(({ key, index }) => items[index]?.[this.itemKey] === key);
      if (areInPlace && items.length === this.list.length) {
        this.list.items = items;
        for (const place of places) place.item = items[place.index];
      } else {
        this.list = markRaw({ items, length: items.length });
      }
    },
    /** @this {any} @param {number} index @returns {Place} */
    placeAt(index) {
      const item = this.list.items[index]; // the one that Quasar has kept may be an old one
      const key = item[this.itemKey];
      const place = this.places.get(key) ?? shallowReactive({ key, index, item });
      this.places.set(key, place);
      return Object.assign(place, { index, item });
    },
  },
  /** @this {any} */
  render() {
    const { list, places } = this;
    const renderRow = this.$slots.default;
    return h(
      resolveComponent("q-virtual-scroll"),
      {
        ref: "qRef",
        // Quasar notices a new length after it has rendered: what stands at the end of a short list would be gone for a
        // moment, and the focus with it
        itemsSize: list.length,
        itemsFn: (/** @type {number} */ from, /** @type {number} */ size) =>
          list.items.slice(from, list.length - from > REST ? from + size : undefined),
        virtualScrollItemSize: this.rowHeight,
        onScrollCapture: followScroll,
      },
      {
        default: (/** @type {{ index: number }} */ { index }) => {
          const place = this.placeAt(index);
          return h(/** @type {any} */ (Row), { key: place.key, place, places, renderRow });
        },
      },
    );
  },
};

/**
 * While Quasar renders other rows, it takes the focus from a row that loses it to the list, so that it is not lost with
 * a row that is gone. If somebody has moved it elsewhere, it is to arrive there.
 * @param {FocusEvent} event
 */
function letFocusMove(event) {
  if (event.relatedTarget) event.stopPropagation();
}

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
