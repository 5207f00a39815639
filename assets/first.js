// @ts-check
/**
 * Stands in the head of each page, so that it runs whatever else does not come. It says what is missing where there is no
 * storage. And it loads a page again of which a part did not come, as when the server ended in the middle of it.
 */
(() => {
  const ASK_AGAIN_MS = 1000;
  const RELOAD_AGAIN_MS = 300000; // a part that is missing after a reload, too, is not missing because of the server
  const KEY = "todosync-reloaded:parts";
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
  addEventListener("error", ({ target }) => isPart(target) && loadAgain(), { capture: true });
  addEventListener("load", () => {
    if (!document.getElementById("app")?.hasChildNodes()) loadAgain();
    else if (isComplete) sessionStorage.removeItem(KEY);
  });

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
    const age = Date.now() - Number(sessionStorage.getItem(KEY));
    if (age >= 0 && age < RELOAD_AGAIN_MS) return;
    const wait = setTimeout(say, ASK_AGAIN_MS);
    while (!(await serverAnswers())) await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    clearTimeout(wait);
    sessionStorage.setItem(KEY, String(Date.now()));
    location.reload();
  }

  async function serverAnswers() {
    const module = /** @type {HTMLScriptElement} */ (document.querySelector('script[src*="/_nicegui/todosync/"]'));
    try {
      return (await fetch(module.src, { cache: "no-store" })).status < 500;
    } catch {
      return false;
    }
  }

  function say() {
    document.getElementById("esm-fallback")?.remove(); // it would blame the browser
    const line = Object.assign(document.createElement("p"), { textContent: INCOMPLETE, role: "status" });
    line.style.cssText = "margin: 1rem; font-family: sans-serif";
    document.body.prepend(line);
  }
})();
