import { Session } from "/assets/tabs/session.js";
import { equal, ok, test } from "./harness.js";

/**
 * Run with a server of this page's own, which tells pages that the browser has kept the session "kept".
 * @param {(server: { isAway: boolean, asked: number }) => Promise<void>} use
 */
async function withServer(use) {
  const real = globalThis.fetch;
  const server = { isAway: false, asked: 0 };
  globalThis.fetch = async () => {
    server.asked++;
    if (server.isAway) throw new TypeError("Failed to fetch");
    return new Response(JSON.stringify({ tag: "kept" }));
  };
  try {
    await use(server);
  } finally {
    globalThis.fetch = real;
  }
}

/** A session of a page that began to run while the clock was wrong. @param {string} tag @param {number} milliseconds */
function openedWithClockAt(tag, milliseconds) {
  const real = Date.now;
  Date.now = () => real() + milliseconds;
  try {
    return new Session(tag);
  } finally {
    Date.now = real;
  }
}

/** Have a page meet another, and wait for what comes of it. @param {Session} page @param {Session} other */
async function meet(page, other) {
  let changed = false;
  page.meet(other.mark, "client", () => (changed = true));
  while (page.asking) await new Promise((resolve) => setTimeout(resolve, 10));
  return changed;
}

test("pages that were opened together find that they belong together, also if the clock was set meanwhile", () =>
  withServer(async () => {
    for (const jump of [-3600000, -1000, 1000, 3600000]) {
      const [first, second] = [new Session("first"), openedWithClockAt("second", jump)];
      ok(await meet(first, second), `one asks which session the browser has kept, with ${jump} ms`);
      ok(await meet(second, first), `so does the other, with ${jump} ms`);
      equal([first.tag, second.tag], ["kept", "kept"], "sessions");
    }
  }));

test("a page without a network asks again which session it has until the server answers", () =>
  withServer(async (server) => {
    const [page, other] = [new Session("own"), new Session("other")];
    server.isAway = true;
    for (let meeting = 0; meeting < 25; meeting++) ok(!(await meet(page, other)), "nobody has answered");
    server.isAway = false;
    ok(await meet(page, other), "the server has answered");
    equal(page.tag, "kept", "session");
  }));

test("a page that had no network when it asked for its session asks again as soon as it hears of another page", () =>
  withServer(async (server) => {
    const page = new Session("");
    server.isAway = true;
    await page.settle("client");
    server.isAway = false;
    const later = new Session("kept");
    later.opened = [page.opened[1] + 1000, page.opened[1] + 1100];
    ok(await meet(page, later), "it has a session now");
    equal(page.tag, "kept", "session");
    ok(!(await meet(later, page)), "the other one knew its session");
  }));

test("a page does not ask for ever which session it has", () =>
  withServer(async (server) => {
    const [page, other] = [new Session("kept"), new Session("other")];
    for (let meeting = 0; meeting < 25; meeting++) await meet(page, other);
    equal(server.asked, 20, "questions");
  }));
