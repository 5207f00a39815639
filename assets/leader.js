// @ts-check
/**
 * One socket for all tabs of a browser. Loaded before NiceGUI's own scripts, it takes the place of the global `io`,
 * hands NiceGUI's page a TabSocket, and has the tabs elect the one that holds the real socket.
 */

import { EventLog } from "./log.js";
import { Store } from "./store.js";
import { Tab, makeId } from "./tab.js";
import { TabSocket } from "./tab_socket.js";

const store = new Store();
const log = new EventLog();
const snapshots = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("script.todosync-snapshot"));
for (const script of snapshots) {
  store.stream(script.dataset.stream ?? "", script.dataset.order).apply(JSON.parse(script.textContent ?? ""));
}

const tab = new Tab({ id: makeId(), session: snapshots[0]?.dataset.session ?? "", store, log });

/** What elements and Python's `run_javascript` find in the page. */
Object.assign(window, {
  todosync: {
    tab,
    log,
    status: tab.status,
    /** @param {string} name */
    stream: (name) => store.stream(name).view,
  },
});

/** @type {any} */
let realIo;
Object.defineProperty(window, "io", {
  configurable: true,
  get: () => realIo && connect,
  set: (factory) => {
    realIo = factory;
  },
});

/** @param {string} url @param {any} options */
function connect(url, options) {
  const query = options?.query;
  if (!query?.client_id || !query.document_id || !query.tab_id) {
    log.add("cable", "this page connects in an unknown way: it keeps a socket of its own and shares nothing");
    return realIo(url, options);
  }
  const socket = new TabSocket(options);
  tab.open(socket, (/** @type {any} */ changes) => realIo(url, { ...options, ...changes }));
  return socket;
}
