// @ts-check
/**
 * Stands in the head of each page, so that it runs whatever else does not come. It says what is missing where there is no
 * storage. And it loads a page again of which a part did not come, as when the server ended in the middle of it.
 */
(() => {
  const ASK_AGAIN_MS = 1000;
  const LONGEST_WAIT_MS = 60000; // before the next of several reloads in vain
  const KEY = "todosync-reloads-in-vain"; // how many, one after the other
  const NO_STORAGE =
    "This page needs the browser's storage. Allow cookies for this site, or open it in a window of its own: it may be in " +
    "a frame that allows none.";
  const INCOMPLETE = "A part of this page did not come. It is loaded again as soon as the server answers.";

  try {
    sessionStorage.length;
  } catch {
    addEventListener("load", () => (document.body.textContent = NO_STORAGE));
    return;
  }
  let isComplete = true;
  const loaded = new Promise((resolve) => addEventListener("load", resolve));
  addEventListener("error", ({ target }) => isPart(target) && loadAgain(), { capture: true });
  loaded.then(() => {
    if (!hasStarted()) loadAgain();
    else if (isComplete) sessionStorage.removeItem(KEY);
  });

  function hasStarted() {
    return document.getElementById("app")?.hasChildNodes() ?? false;
  }

  /** @param {EventTarget | null} target @returns {boolean} whether the page does not work without it */
  function isPart(target) {
    if (target instanceof HTMLScriptElement) return isOurs(target.src);
    if (target instanceof HTMLLinkElement) return target.rel === "stylesheet" && isOurs(target.href);
    return target instanceof HTMLStyleElement && !/@import[^;]*\/\//.test(target.textContent ?? "");
  }

  /** @param {string} url empty if the part stands in the page */
  function isOurs(url) {
    return new URL(url, location.href).origin === location.origin;
  }

  async function loadAgain() {
    if (!isComplete) return;
    isComplete = false;
    const inVain = Number(sessionStorage.getItem(KEY));
    if (inVain) {
      await loaded;
      if (hasStarted()) return; // it works without that part, which is not missing because of the server
    }
    const telling = setTimeout(say, ASK_AGAIN_MS);
    if (inVain) await sleep(Math.min(ASK_AGAIN_MS * 4 ** (inVain - 1), LONGEST_WAIT_MS));
    while (!(await serverAnswers())) await sleep(ASK_AGAIN_MS);
    clearTimeout(telling);
    sessionStorage.setItem(KEY, String(inVain + 1));
    location.reload();
  }

  async function serverAnswers() {
    /** @type {HTMLScriptElement | null} */
    const module = document.querySelector('script[src*="/_nicegui/todosync/"]');
    try {
      // a page that broke off has no module; that the server refuses to send its head alone is an answer, too
      return (await fetch(module?.src ?? location.href, { method: "HEAD", cache: "no-store" })).status < 500;
    } catch {
      return false;
    }
  }

  /** @param {number} milliseconds */
  function sleep(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  function say() {
    document.getElementById("esm-fallback")?.remove(); // it would blame the browser
    const line = Object.assign(document.createElement("p"), { textContent: INCOMPLETE, role: "status" });
    line.style.cssText = "margin: 1rem; font-family: sans-serif";
    document.body.prepend(line);
  }
})();
