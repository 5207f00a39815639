// @ts-check
/** The streams of a page, those that a handler adds later as well. An entry of its own, which only an app with streams has its pages load, after `leader.js`. */

import { shallowReactive } from "vue";
import { log, tab } from "../leader.js";
import { expressions } from "./expressions.js";
import { choice, choose, ordered, where } from "./choices.js";
import { StreamRelay } from "./relay.js";
import { onScripts } from "./scripts.js";
import { Store } from "./store.js";

export const store = new Store();
const relay = new StreamRelay({ store, log });
onScripts("script.todosync-snapshot", (script, isLate) => {
  const { stream = "", order, scope, scopeField = "" } = script.dataset;
  const state = store.stream(stream, order, scope === undefined ? undefined : JSON.parse(scope));
  Object.assign(state, { scopeField, isShown: true });
  if (script.textContent) state.apply(JSON.parse(script.textContent));
  if (isLate) relay.ask(state.name, state.scope, tab);
});
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
  ordered,
});
