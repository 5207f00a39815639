// @ts-check
/** What the server tells a page by scripts that hold data: in the page itself, or added to its head by a handler. */

/**
 * Have each such script read, those that are there now and those to come.
 * @param {string} selector
 * @param {(script: HTMLElement, isLate: boolean) => void} read `isLate` tells that the page was there before the script
 */
export function onScripts(selector, read) {
  const scripts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(selector));
  for (const script of scripts) read(script, false);
  const observer = new MutationObserver((changes) => {
    for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
      if (node instanceof HTMLElement && node.matches(selector)) read(node, true);
    }
  });
  observer.observe(document.head, { childList: true });
}
