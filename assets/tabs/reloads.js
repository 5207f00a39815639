// @ts-check
/**
 * Which reloads were in vain: a page that is refused again after one would be loaded again for ever. It is in vain if the
 * process that made the page makes it again. A page of another process is another try, as where a server is restarted
 * while the page is being loaded again.
 */

const KEY = "todosync-reloaded:";
export const RELOAD_AGAIN_MS = 300000; // after this, the same reason is another fault

/** @typedef {"server" | "leader's server"} Refuser who does not know the page */

/** @param {Refuser} refuser @returns {boolean} whether a reload may help; it then counts as done */
export function mayReload(refuser) {
  const now = Date.now();
  const maker = document.querySelector('meta[name="todosync-process"]')?.getAttribute("content") ?? "";
  try {
    const { at, makers } = JSON.parse(sessionStorage.getItem(KEY + refuser) ?? '{ "at": 0, "makers": [] }');
    const isRecent = now - at >= 0 && now - at < RELOAD_AGAIN_MS;
    if (isRecent && makers.includes(maker)) return false;
    sessionStorage.setItem(KEY + refuser, JSON.stringify({ at: now, makers: [...(isRecent ? makers : []), maker] }));
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
