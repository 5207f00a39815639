// @ts-check
/** The streams of a page. An entry of its own, which only an app with streams has its pages load, after `leader.js`. */

import { shallowReactive } from "vue";
import { log, tab } from "../leader.js";
import { expressions } from "./expressions.js";
import { choice, choose, where } from "./choices.js";
import { StreamRelay } from "./relay.js";
import { Store } from "./store.js";

export const store = new Store();
const snapshots = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("script.todosync-snapshot"));
for (const script of snapshots) {
  store.stream(script.dataset.stream ?? "", script.dataset.order).apply(JSON.parse(script.textContent ?? ""));
}
tab.relays.push(new StreamRelay({ store, log }));

Object.assign(/** @type {any} */ (window).todosync, {
  /** @param {string} name */
  stream: (name) => store.stream(name).view,
  expressions,
  /** What a person searches for in lists, by the numbers of the lists. */
  searches: shallowReactive(new Map()),
  choice,
  choose,
  where,
});
