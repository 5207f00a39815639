// @ts-check
/**
 * An element whose props are JavaScript expressions. When their values change, this element is rendered and nothing
 * else: NiceGUI would evaluate them, as it does props with a colon, each time that it renders the whole page.
 */

import { computed, h } from "vue";

export default {
  props: { tag: String, live: Object },
  computed: {
    /** @this {any} @returns {[string, { value: unknown }][]} */
    values() {
      return Object.entries(this.live).map(([name, source]) => [
        name,
        computed(/** @type {() => unknown} */ (new Function(`return (${source})`))),
      ]);
    },
  },
  /** @this {any} */
  render() {
    const props = Object.fromEntries(
      this.values.map((/** @type {[string, { value: unknown }]} */ [name, { value }]) => [name, value]),
    );
    return h(this.tag, props, this.$slots.default?.());
  },
};
