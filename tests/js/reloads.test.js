import { RELOAD_AGAIN_MS, forgetReloads, mayReload } from "/assets/tabs/reloads.js";
import { equal, test } from "./harness.js";

/** This page was made by a process. @param {string} process */
function madeBy(process) {
  document.querySelector('meta[name="todosync-process"]')?.remove();
  document.head.append(Object.assign(document.createElement("meta"), { name: "todosync-process", content: process }));
}

test("a page is loaded again once for each process that makes it, however often it is refused", () => {
  forgetReloads("server", "leader's server");
  const asked = ["a", "a", "b", "a", "b", "c", "c"].map((process) => {
    madeBy(process);
    return mayReload("server");
  });
  equal(asked, [true, false, true, false, false, true, false]);
});

test("what one server does not know says nothing of another, and a page that was known begins anew", () => {
  forgetReloads("server", "leader's server");
  madeBy("a");
  equal([mayReload("server"), mayReload("leader's server"), mayReload("server")], [true, true, false]);
  forgetReloads("server");
  equal([mayReload("server"), mayReload("leader's server")], [true, false]);
});

test("after a while it is another fault, and what another build has stored does no harm", () => {
  forgetReloads("server");
  madeBy("a");
  const key = "todosync-reloaded:server";
  for (const [stored, may] of /** @type {[string, boolean][]} */ ([
    [JSON.stringify({ at: Date.now() - RELOAD_AGAIN_MS - 1, makers: ["a"] }), true],
    [JSON.stringify({ at: Date.now() + 10000, makers: ["a"] }), true],
    [JSON.stringify({ at: Date.now(), makers: ["a"] }), false],
    [String(Date.now()), true],
  ])) {
    sessionStorage.setItem(key, stored);
    equal(mayReload("server"), may, stored);
  }
  forgetReloads("server");
});
