// @ts-check
/**
 * One socket for all tabs of a browser. Loaded before NiceGUI's own scripts, it takes the place of the global `io`,
 * hands NiceGUI's page a TabSocket, and has the tabs elect the one that holds the real socket.
 */

import { EventLog } from "./tabs/log.js";
import { Session } from "./tabs/session.js";
import { makeId } from "./tabs/random_id.js";
import { Tab } from "./tabs/tab.js";
import { TabSocket } from "./tabs/tab_socket.js";

export const log = new EventLog();
const session = new Session(document.querySelector('meta[name="todosync-session"]')?.getAttribute("content") ?? "");
export const tab = new Tab({ id: makeId(), session, log });

/** What elements, and Python's `run_javascript`, find in the page; `streams/streams.js` adds to it. */
Object.assign(window, { todosync: { tab, log, status: tab.status } });

/** @type {any} */
let realIo;
Object.defineProperty(window, "io", {
  configurable: true,
  get: () => realIo && Object.assign(connect, realIo),
  set: (factory) => {
    realIo = factory;
  },
});

/** @param {string} url @param {any} options */
function connect(url, options) {
  const query = options?.query;
  if (!query?.client_id) return realIo(url, options); // not NiceGUI's page
  const reason = reasonToKeepOut(query);
  if (reason) {
    const real = realIo(url, options);
    tab.openPlain(real, query.client_id, reason);
    return real;
  }
  const socket = new TabSocket(options);
  tab.open(socket, (changes) => realIo(url, { ...options, ...changes }));
  return socket;
}

/** @param {Record<string, any>} query @returns {string} empty if there is none */
function reasonToKeepOut(query) {
  const told = document.querySelector('meta[name="todosync-alone"]')?.getAttribute("content");
  if (told) return told;
  return query.document_id && query.tab_id ? "" : "NiceGUI's page connects in a way that is not known here";
}
