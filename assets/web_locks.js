// @ts-check
/** The browser's Web Locks, as the election wants them: https://w3c.github.io/web-locks/ */

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
        else if (error.name === "SecurityError") failed(); // a sandboxed frame, or storage that is forbidden
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
