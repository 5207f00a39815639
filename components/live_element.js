// @ts-check
/**
 * An element whose props are JavaScript expressions. When what they read changes, this element is rendered and nothing
 * else: NiceGUI would evaluate them, as it does props with a colon, each time that it renders the whole page.
 */

import { h } from "vue";

export default {
  props: { tag: String, live: Object },
  computed: {
    /** @this {any} @returns {[string, Function][]} */
    expressions() {
      return Object.entries(this.live).map(([name, source]) => [name, new Function(`return (${source})`)]);
    },
  },
  /** @this {any} */
  render() {
    const props = Object.fromEntries(this.expressions.map(([name, evaluate]) => [name, evaluate()]));
    return h(this.tag, props, this.$slots.default?.());
  },
};
