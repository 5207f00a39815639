// @ts-check
/**
 * A list with virtual scrolling, of the items that a JavaScript expression returns. Its slot is the template of a row.
 * When one item is replaced, only its row is rendered: neither the other rows nor the page.
 *
 * The rows of a list of some hundreds are all rendered, the first ones at once and the others while the browser is idle,
 * so that its own search finds each of them. Of a longer list only what is near is rendered, until somebody presses Ctrl+F.
 * A print has all rows.
 *
 * When rows come and go, the row that a person points at or types in stays where it is: the list scrolls by as much as
 * the row would have moved. Where it cannot scroll, a click that comes too soon after the move does not count: it was
 * meant for the row that was there before. When a row goes that has the focus, the row in its place gets it.
 *
 * This module is long because NiceGUI serves a component as one file.
 */

import { cloneVNode, h, markRaw, resolveComponent, shallowReactive } from "vue";

const REST = 40; // the last rows of a list, up to this number, are always rendered, in view or not
const ALL = 500; // of a list of so many, all are rendered
const MOST = 10_000; // rows that are rendered for a print, or for the browser's search
const SCREENS = 5; // so many screens of rows are rendered in the first pause, twice as many in the next
const GROW_PAUSE_MS = 100; // Quasar has rendered them by then
const SCROLL_PAUSE_MS = 45; // Quasar renders after 35 ms without a scroll event, so this must be longer

const TOO_SOON_MS = 500; // a person who sees a row move under the pointer needs this long to hold a click back
const MOVED_PX = 4; // a row that has moved by less is where it was

const PRINT_STYLE = `
.q-virtual-scroll:has(> .todosync-print-style) { overflow: visible !important; height: auto !important; }
.todosync-printed ~ * { display: none !important; }`;
const FOCUSABLE = "a[href], button, input, select, textarea, [tabindex]";

const IDLE_MS = 1000; // a page that has always something to do, or is not in front, goes on after that
/** @type {(callback: () => void) => void} */
const whenIdle = (callback) =>
  window.requestIdleCallback?.(callback, { timeout: IDLE_MS }) ?? setTimeout(callback, GROW_PAUSE_MS); // Safari has none

/** @typedef {Map<any, number>} Tops where the rendered rows are on the screen, by key, in their order */
/** @typedef {{ key: any, index: number, item: any }} Place where a row is rendered, and what it shows */
/** @typedef {{ element: Element, key: any, index: number, part: number }} Focused a part of a row, by its place in it */

/** A row. It is rendered again when another item is in its place, or when Python has changed the template. */
const Row = {
  props: ["place", "places", "elements", "renderRow", "noteMounted"],
  /** @this {any} */
  render() {
    const [row] = this.renderRow({ row: this.place.item });
    return cloneVNode(row, { onFocusout: letFocusMove });
  },
  /** @this {any} */
  mounted() {
    this.elements.set(this.place.key, this.$el);
    this.noteMounted();
  },
  /** @this {any} */
  unmounted() {
    const { key } = this.place;
    if (this.places.get(key) === this.place) this.places.delete(key);
    if (this.elements.get(key) === this.$el) this.elements.delete(key);
  },
};

const person = {
  x: 0,
  y: 0,
  pointedAt: -Infinity, // when the mouse was last moved
  typedAt: -Infinity,
  pressedAt: -Infinity, // when a button, or a finger, went down
  isWatched: false,
};

/** Follow the mouse and the keys of this page; safe to call twice. */
function watchPerson() {
  if (person.isWatched) return;
  person.isWatched = true;
  const options = { capture: true, passive: true };
  document.addEventListener(
    "pointermove",
    ({ clientX: x, clientY: y, pointerType }) => {
      // a browser also tells of moves when something has moved under a pointer that stands still
      if (pointerType === "mouse" && (x !== person.x || y !== person.y)) {
        Object.assign(person, { x, y, pointedAt: performance.now() });
      }
    },
    options,
  );
  document.documentElement.addEventListener("pointerleave", () => (person.pointedAt = -Infinity), options);
  document.addEventListener("keydown", () => (person.typedAt = performance.now()), options);
  document.addEventListener("pointerdown", () => (person.pressedAt = performance.now()), options);
}

export default {
  props: { items: String, itemKey: String, rowHeight: Number },
  data: () => ({ list: markRaw({ items: /** @type {any[]} */ ([]), length: 0 }), screens: 1, isPrinting: false }),
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
    /** @type {Map<any, HTMLElement>} the rendered rows, by key */
    this.elements = new Map();
    /** @type {Map<any, number>} when rows have last moved without a person's doing, by key */
    this.movedAt = new Map();
    /** @type {number} a list of so many rows is rendered as a whole */
    this.most = ALL;
    watchPerson();
    // wrapped in a new array each time: the expression may return the same array with other items in it
    const source = () => [this.evaluate()];
    this.$watch(source, (/** @type {[any[]]} */ [items]) => this.show(items), { immediate: true });
    this.listeners = {
      beforeprint: this.print,
      afterprint: this.print,
      keydown: this.search,
      pointerdown: this.search,
    };
  },
  /** @this {any} */
  mounted() {
    // for Quasar the element around the rows can have the focus, so it is what assistive technology takes for the list
    this.content = this.$el.querySelector(".q-virtual-scroll__content");
    this.$el.removeAttribute("role");
    this.content.setAttribute("role", "list");
    if (this.$attrs["aria-label"]) this.content.setAttribute("aria-label", this.$attrs["aria-label"]);
    this.$el.removeAttribute("aria-label");
    for (const [type, listener] of Object.entries(this.listeners)) addEventListener(type, listener, true);
    this.growLater();
  },
  /** @this {any} */
  unmounted() {
    for (const [type, listener] of Object.entries(this.listeners)) removeEventListener(type, listener, true);
    clearTimeout(this.numbering);
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
        const before = this.tops();
        const focused = this.focused();
        this.list = markRaw({ items, length: items.length });
        if (before.size) this.keepInPlace(before);
        if (focused) this.$nextTick(() => this.keepFocus(focused));
        this.numberLater();
        this.growLater();
      }
    },
    /** @this {any} @returns {Focused | undefined} what has the focus, if that is in a row */
    focused() {
      const element = document.activeElement;
      if (!this.$el?.contains(element)) return undefined;
      const [key, row] = [...this.elements].find(([, row]) => row.contains(element)) ?? [];
      return row && { element, key, index: this.places.get(key).index, part: parts(row).indexOf(element) };
    },
    /** The row with the focus may have gone: then what stands in its place gets it. @this {any} @param {Focused} focused */
    keepFocus(focused) {
      const { element, index, part } = focused;
      const isMoved = ![document.body, this.$el, this.content].includes(document.activeElement);
      if (element.isConnected || isMoved) return;
      const item = this.list.items[Math.min(index, this.list.length - 1)];
      const row = item && this.elements.get(item[this.itemKey]);
      if (!row) return this.$el.focus();
      parts(row)[part]?.focus();
      if (!row.contains(document.activeElement)) row.querySelector(FOCUSABLE)?.focus();
    },
    /** Tell assistive technology which of how many each row is. It has time until after the frame. @this {any} */
    numberLater() {
      this.numbering ??= setTimeout(() => {
        this.numbering = undefined;
        for (const [key, row] of this.elements) {
          row.setAttribute("aria-posinset", this.places.get(key).index + 1);
          row.setAttribute("aria-setsize", this.list.length);
        }
      });
    },
    /** Render more rows while the browser is idle, until all are rendered that should be. @this {any} */
    growLater() {
      if (this.list.length > this.most && this.screens > 1) this.renderScreens(1);
      if (this.isGrowing || !this.isToGrow()) return;
      this.isGrowing = true;
      whenIdle(() => {
        if (this.isToGrow() && !this.$el.scrolling) this.renderScreens(this.screens > 1 ? 2 * this.screens : SCREENS);
        setTimeout(() => {
          this.isGrowing = false;
          this.growLater();
        }, GROW_PAUSE_MS);
      });
    },
    /** @this {any} */
    isToGrow() {
      return this.$el?.isConnected && this.elements.size < this.list.length && this.list.length <= this.most;
    },
    /** @this {any} @param {number} screens of rows, which Quasar renders below what is in view */
    renderScreens(screens) {
      this.screens = screens;
      this.$nextTick(() => this.$refs.qRef?.refresh(-1));
    },
    /** The browser's search finds what is rendered: until a person goes on here, that is all. @this {any} @param {KeyboardEvent} event */
    search(event) {
      const { key, ctrlKey, metaKey } = event;
      if (key === "Control" || key === "Meta") return;
      const isSearch = key === "F3" || ((ctrlKey || metaKey) && /^[fg]$/i.test(key));
      this.most = isSearch ? MOST : ALL;
      this.growLater();
    },
    /** Have all rows in the document while it is printed. @this {any} @param {Event} event */
    print(event) {
      this.isPrinting = event.type === "beforeprint";
    },
    /** @this {any} @returns {import("vue").VNode[]} what a print needs besides the rows that are rendered */
    printed() {
      const { items, length } = this.list;
      const style = h("style", { class: "todosync-print-style" }, PRINT_STYLE);
      if (this.elements.size >= length) return [style];
      const rows = items.slice(0, MOST).map((/** @type {any} */ row) => this.$slots.default({ row }));
      if (length > MOST) rows.push(h("div", `… +${length - MOST}`));
      return [style, h("div", { class: "todosync-printed" }, rows)];
    },
    /** @this {any} @returns {Tops} empty where nobody sees them */
    tops() {
      if (document.hidden || !this.$el?.isConnected) return new Map();
      /** @type {[any, number][]} */
      const tops = [...this.elements].map(([key, element]) => [key, element.getBoundingClientRect().top]);
      return new Map(tops.sort(([, a], [, b]) => a - b));
    },
    /** The rows have come, gone or moved: scroll so that one stays in place. @this {any} @param {Tops} before */
    keepInPlace(before) {
      const list = this.$el;
      const candidates = this.anchors(before);
      const scrolled = list.scrollTop;
      const settle = () => {
        const key = candidates.find((/** @type {any} */ key) => this.elements.has(key));
        const top = before.get(key);
        const shift = top === undefined ? 0 : this.elements.get(key).getBoundingClientRect().top - top;
        if (Math.abs(shift) >= 1) list.scrollTop += shift;
        this.noteMoves(before);
        return (list.scrolledTo = list.scrollTop);
      };
      this.$nextTick(() => {
        const then = list.scrollTop === scrolled ? settle() : NaN;
        // Quasar may render again; a person who scrolls meanwhile is not held back
        requestAnimationFrame(() => void (list.scrollTop === then && settle()));
      });
    },
    /**
     * Which row is to stay, if it can: what a person uses, or else what is in view of a list that was scrolled; if it
     * is gone, the one above it, and so on. @this {any} @param {Tops} before @returns {any[]} keys, the best first
     */
    anchors(before) {
      const keys = [...before.keys()];
      const used = keys.indexOf(this.usedRow());
      if (used >= 0) return [...keys.slice(0, used + 1).reverse(), ...keys.slice(used + 1)];
      if (this.$el.scrollTop === 0) return [];
      const { top } = this.$el.getBoundingClientRect();
      return keys.filter((key) => (before.get(key) ?? 0) >= top);
    },
    /** @this {any} @returns {any} the key of the row that a person points at, or else types in */
    usedRow() {
      const rowOf = (/** @type {Element | null} */ part) =>
        [...this.elements].find(([, element]) => element.contains(part))?.[0];
      const { x, y, pointedAt, typedAt } = person;
      const pointed = pointedAt > typedAt ? rowOf(document.elementFromPoint(x, y)) : undefined;
      return pointed ?? rowOf(document.querySelector(":focus-visible"));
    },
    /** @this {any} @param {Tops} before */
    noteMoves(before) {
      const now = performance.now();
      for (const [key, element] of this.elements) {
        const shift = Math.abs(element.getBoundingClientRect().top - (before.get(key) ?? Infinity));
        if (shift >= MOVED_PX) this.movedAt.set(key, now);
      }
      for (const [key, at] of this.movedAt) if (now - at > TOO_SOON_MS) this.movedAt.delete(key);
    },
    /** Stop a click that was meant for another row, which was there a moment ago. @this {any} @param {PointerEvent} event */
    holdBack(event) {
      if (!event.isTrusted || event.detail === 0) return; // of a key
      const entry = [...this.elements].find(([, element]) => element.contains(event.target));
      const movedAt = this.movedAt.get(entry?.[0]) ?? -Infinity;
      if (movedAt < person.pointedAt || person.pressedAt - movedAt > TOO_SOON_MS) return;
      event.preventDefault();
      event.stopImmediatePropagation();
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
    const { list, places, elements, screens, isPrinting, printed } = this;
    const noteMounted = this.numberLater;
    const renderRow = this.$slots.default;
    return h(
      resolveComponent("q-virtual-scroll"),
      {
        ref: "qRef",
        // Quasar renders once before it notices a new length. Without this, the last rows of a short list, and the focus
        // in them, would disappear for a moment
        itemsSize: list.length,
        itemsFn: (/** @type {number} */ from, /** @type {number} */ size) => {
          const isNearEnd = list.length - from - (screens > 1 ? size : 0) <= REST;
          return list.items.slice(from, isNearEnd ? undefined : from + size);
        },
        virtualScrollItemSize: this.rowHeight,
        virtualScrollSliceRatioAfter: screens,
        onScrollCapture: followScroll,
        onClickCapture: this.holdBack,
      },
      {
        ...(isPrinting ? { before: printed } : {}),
        default: (/** @type {{ index: number }} */ { index }) => {
          const place = this.placeAt(index);
          return h(/** @type {any} */ (Row), { key: place.key, place, places, elements, renderRow, noteMounted });
        },
      },
    );
  },
};

/** @param {Element} row @returns {any[]} all that is in it */
const parts = (row) => [...row.querySelectorAll("*")];

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
 *
 * In the frame after it has rendered rows, Quasar scrolls to where the list was then, and so takes back what a person
 * has scrolled since. A browser tells of a scroll before that, so the person's place is set again after it.
 * @param {Event & { currentTarget: any }} event
 */
function followScroll(event) {
  if (!event.isTrusted) return;
  event.stopImmediatePropagation();
  const list = event.currentTarget;
  list.scrolledTo = list.scrollTop;
  requestAnimationFrame(() => {
    if (list.scrollTop !== list.scrolledTo) list.scrollTop = list.scrolledTo;
  });
  list.scrolling ??= setTimeout(() => {
    list.scrolling = undefined;
    list.dispatchEvent(new Event("scroll"));
  }, SCROLL_PAUSE_MS);
}
