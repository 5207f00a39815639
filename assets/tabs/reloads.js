// @ts-check
/** Which reloads were in vain: a page that is refused again after one would be loaded again for ever. */

const KEY = "todosync-reloaded:";
export const RELOAD_AGAIN_MS = 300000; // after this, the same reason is another fault

/** @typedef {"server" | "leader's server"} Refuser who does not know the page */

/** @param {Refuser} refuser @returns {boolean} whether a reload may help; it then counts as done */
export function mayReload(refuser) {
  const now = Date.now();
  try {
    const age = now - Number(sessionStorage.getItem(KEY + refuser));
    if (age >= 0 && age < RELOAD_AGAIN_MS) return false;
    sessionStorage.setItem(KEY + refuser, String(now));
  } catch {
    // nothing can be stored here: what the browser knows of this page must do
    const [entry] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
    if (entry?.type === "reload" && performance.now() < RELOAD_AGAIN_MS) return false;
  }
  return true;
}

/** The page is known after all. @param {Refuser[]} refusers */
export function forgetReloads(...refusers) {
  try {
    for (const refuser of refusers) sessionStorage.removeItem(KEY + refuser);
  } catch {
    // nothing is stored here
  }
}
