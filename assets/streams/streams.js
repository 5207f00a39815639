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
  const { stream = "", order, scope, scopeField = "" } = script.dataset;
  const state = store.stream(stream, order, scope === undefined ? undefined : JSON.parse(scope));
  Object.assign(state, { scopeField, isShown: true });
  if (script.textContent) state.apply(JSON.parse(script.textContent));
}
const relay = new StreamRelay({ store, log });
tab.relays.push(relay);

Object.assign(/** @type {any} */ (window).todosync, {
  /** @param {string} name @param {string | number} [scope] */
  stream: (name, scope) => store.stream(name, undefined, scope).view,
  /** Ask for rows that were refused, and may be read now. @param {string} name @param {string | number | null} scope */
  ask: (name, scope) => relay.ask(name, scope ?? undefined, tab),
  expressions,
  /** What a person searches for in lists, by the numbers of the lists. */
  searches: shallowReactive(new Map()),
  choice,
  choose,
  where,
});
