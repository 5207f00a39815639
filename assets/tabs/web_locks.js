// @ts-check
/** The browser's Web Locks, as the election wants them: https://w3c.github.io/web-locks/ */

import { TAB_LOCK } from "./messages.js";

/** @param {() => string} name @returns {import("./election.js").Locks | null} null where http is plain */
export function webLocks(name) {
  if (!navigator.locks) return null;
  return {
    request({ steal, granted, lost, failed }) {
      const abort = new AbortController();
      let cancelled = false;
      let release = () => {};
      const hold = () =>
        cancelled
          ? undefined
          : new Promise((resolve) => {
              release = () => resolve(undefined);
              granted();
            });
      navigator.locks.request(name(), steal ? { steal: true } : { signal: abort.signal }, hold).catch((error) => {
        if (cancelled) return;
        // the engines agree on the names, not on the messages
        if (error.name === "AbortError") lost();
        else if (error.name === "SecurityError")
          failed(); // a sandboxed frame, or storage that is forbidden
        else throw error;
      });
      return () => {
        cancelled = true;
        abort.abort();
        release();
      };
    },
  };
}

/**
 * Hold the lock that stands for a tab. The browser lets it go when the tab ends, however it ends.
 * @param {string} name @param {() => void} held called when it is held, or where there are no locks
 * @returns {() => void} lets it go
 */
export function holdTabLock(name, held) {
  let release = () => {};
  const abort = new AbortController();
  const hold = () =>
    new Promise((resolve) => {
      release = () => resolve(undefined);
      held();
    });
  if (!navigator.locks) held();
  else {
    navigator.locks.request(`${TAB_LOCK}:${name}`, { signal: abort.signal }, hold).catch((error) => {
      if (error.name !== "AbortError") held(); // there are no locks to be had here, after all
    });
  }
  return () => {
    abort.abort();
    release();
  };
}

/**
 * Have a function called when a tab has ended.
 * @param {string} name of its lock @param {() => void} ended @returns {() => void} ends the waiting
 */
export function awaitTabEnd(name, ended) {
  const abort = new AbortController();
  navigator.locks?.request(`${TAB_LOCK}:${name}`, { signal: abort.signal }, ended).catch(() => {}); // it was aborted
  return () => abort.abort();
}
