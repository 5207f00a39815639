// @ts-check
/** The browser's Web Locks, as the election wants them: https://w3c.github.io/web-locks/ */

/** @param {() => string} name @returns {import("./election.js").Locks | null} null where http is plain */
export function webLocks(name) {
  if (!navigator.locks) return null;
  return {
    request({ steal, granted, lost }) {
      const abort = new AbortController();
      let cancelled = false;
      let release = () => {};
      const hold = () =>
        cancelled
          ? undefined
          : new Promise((resolve) => {
              release = () => resolve(undefined);
              granted(release);
            });
      navigator.locks.request(name(), steal ? { steal: true } : { signal: abort.signal }, hold).catch((error) => {
        if (error.name !== "AbortError") throw error; // the engines agree on the name, not on the message
        if (!cancelled) lost();
      });
      return () => {
        cancelled = true;
        abort.abort();
        release();
      };
    },
  };
}
