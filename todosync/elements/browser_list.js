// @ts-check
/**
 * A list with virtual scrolling, of the items that a JavaScript expression returns. Its slot is the template of a row.
 * When one item is replaced, only its row is rendered: neither the other rows nor the page.
 */

import { cloneVNode, h, markRaw, resolveComponent, shallowReactive } from "vue";

const REST = 40; // the last rows of a list, up to this number, are always rendered, in view or not
const SCROLL_PAUSE_MS = 45; // Quasar renders after 35 ms without a scroll event, so this must be longer

/** @typedef {{ key: any, index: number, item: any }} Place where a row is rendered, and what it shows */

/** A row. It is rendered again when another item is in its place, or when Python has changed the template. */
const Row = {
  props: ["place", "places", "renderRow"],
  /** @this {any} */
  render() {
    const [row] = this.renderRow({ row: this.place.item });
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
    // wrapped in a new array each time: the expression may return the same array with other items in it
    const source = () => [this.evaluate()];
    this.$watch(source, (/** @type {[any[]]} */ [items]) => this.show(items), { immediate: true });
  },
  methods: {
    /**
     * Show these items: render the rows whose item was replaced, or the whole list if items have come, gone or moved.
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
      const item = this.list.items[index]; // the item that Quasar has kept may be an old one
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
        // Quasar renders once before it notices a new length. Without this, the last rows of a short list, and the focus
        // in them, would disappear for a moment
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
 * Quasar moves the focus from a row to the list when it renders other rows, because the row may disappear. But if a
 * person has moved the focus to another element, it must arrive there; so Quasar does not hear of it.
 * @param {FocusEvent} event
 */
function letFocusMove(event) {
  if (event.relatedTarget) event.stopPropagation();
}

/**
 * Quasar renders rows after a pause without scroll events, so a long scroll would show no rows. This function replaces
 * many scroll events by one per pause, so that the rows follow the scroll.
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
