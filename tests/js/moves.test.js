import { Store } from "/assets/streams/store.js";
import { equal, makeRandom, options, test } from "./harness.js";

/** @typedef {{ write: import("/assets/streams/store.js").PendingWrite, isRefused: boolean, versions: [string, any][] }} Sent */

const HISTORIES = 300;
const STEPS = 40;
const LISTS = ["todo", "doing", "done"]; // the page shows the first two
const CARD = { id: 1, list: "todo", title: "paint" };

/** @param {number} number @returns {[number, string]} */
function at(number) {
  return [number, "mark"];
}

/** A page that shows two lists, of the three between which cards move. */
class Page {
  constructor() {
    this.store = new Store();
    this.lists = LISTS.slice(0, 2).map((scope) => this.store.stream("cards", "id", scope));
    for (const list of this.lists) {
      list.scopeField = "list";
      list.declared = { totals: { all: { field: "", is_sum: false, scale: null } }, texts: {} };
    }
  }

  /** @param {import("/assets/streams/store.js").Item[]} cards */
  load(cards) {
    for (const list of this.lists) {
      const found = cards.filter((card) => card.list === list.scope);
      list.apply({ ...list.head, version: at(1), cards: found, totals: { all: found.length } });
    }
  }

  /** @param {Record<string, any>} values @param {string} [action] */
  write(values, action = "update") {
    return this.store.show("cards", { action, id: CARD.id, values });
  }

  /** What each list shows. */
  get shown() {
    return Object.fromEntries(this.lists.map(({ scope, view }) => [scope, view.rows.map(({ title }) => title)]));
  }

  get totals() {
    return this.lists.map(({ view }) => view.totals.all);
  }
}

test("a row that is moved shows at once where it goes, and where it was no more; so do the totals", () => {
  const page = new Page();
  page.load([CARD]);
  page.write({ title: "paint it" });
  page.write({ list: "doing" });
  equal(page.shown, { todo: [], doing: ["paint it"] });
  equal(page.totals, [0, 1]);
  page.write({ title: "paint it red" });
  equal(page.shown, { todo: [], doing: ["paint it red"] });
  page.write({ list: "done" });
  equal(page.shown, { todo: [], doing: [] }, "to what the page does not show");
  equal(page.totals, [0, 0]);
});

test("a move that is refused is taken back in both, and what was typed afterwards goes back with it", () => {
  const page = new Page();
  page.load([CARD]);
  const moved = page.write({ list: "doing" });
  page.write({ title: "paint it" });
  page.store.settle(moved);
  equal(page.shown, { todo: ["paint it"], doing: [] });
});

test("a move that a rule has led elsewhere shows nowhere once it is decided", () => {
  const page = new Page();
  page.load([CARD]);
  const moved = page.write({ list: "doing" });
  page.store.settleLater(moved, at(3), [
    ["todo", at(3)],
    ["done", at(2)],
  ]);
  equal(page.shown, { todo: [], doing: [] });
  equal(
    page.lists.map(({ coming }) => coming.size),
    [0, 0],
  );
});

test("no row is brought to a list that its person may not read", () => {
  const page = new Page();
  page.load([CARD]);
  page.lists[1].refuse("You may not read this");
  const moved = page.write({ list: "doing" });
  equal(page.shown, { todo: [], doing: [] });
  page.store.settle(moved);
  equal(page.shown, { todo: ["paint"], doing: [] });
});

/** A server that a page's writes reach late, and whose answers and changes come late, in any order. */
class Server {
  /** @param {() => number} random */
  constructor(random) {
    this.random = random;
    /** @type {import("/assets/streams/store.js").Item | undefined} */
    this.card = { ...CARD };
    this.number = 1;
    this.versions = Object.fromEntries(LISTS.map((list) => [list, 1]));
  }

  /** @param {Sent} sent */
  decide(sent) {
    sent.isRefused = !this.card || this.random() < 0.2;
    if (sent.isRefused || !this.card) return;
    const before = this.card.list;
    this.card = sent.write.action === "delete" ? undefined : { ...this.card, ...sent.write.values };
    for (const list of new Set([this.card?.list ?? before, before])) this.versions[list] = ++this.number;
    sent.versions = [...new Set([before, this.card?.list ?? before])].map((list) => [list, at(this.versions[list])]);
  }

  /** Bring a list up to date. @param {import("/assets/streams/store.js").StreamState} list */
  bring(list) {
    const scope = String(list.scope);
    const put = this.card?.list === scope ? [{ ...this.card }] : [];
    const version = at(this.versions[scope]);
    const totals = { all: put.length };
    list.apply({
      ...list.head,
      base: /** @type {any} */ (list.version),
      version,
      put,
      del: put.length ? [] : [CARD.id],
      totals,
    });
  }
}

test("whatever arrives first, a row shows as its author has left it, in one list at most", () => {
  for (let seed = options.seed; seed < options.seed + HISTORIES; seed += 1) {
    const random = makeRandom(seed);
    const [page, server] = [new Page(), new Server(random)];
    page.load([CARD]);
    /** @type {Sent[][]} */
    const [all, undecided, unanswered] = [[], [], []];
    const refused = new Set();
    const step = (/** @type {number} */ kind) => {
      if (kind < 0.3) {
        if (!page.lists.some(({ view }) => view.rows.length)) return; // nobody sees it
        const values = random() < 0.6 ? { list: LISTS[Math.floor(random() * 3)] } : { title: `at ${all.length}` };
        const isDelete = random() < 0.03;
        const sent = {
          write: page.write(isDelete ? {} : values, isDelete ? "delete" : "update"),
          isRefused: false,
          versions: [],
        };
        all.push(sent);
        undecided.push(sent);
      } else if (kind < 0.5 && undecided.length) {
        const [sent] = undecided.splice(0, 1);
        server.decide(sent);
        unanswered.push(sent);
      } else if (kind < 0.75 && unanswered.length) {
        const [sent] = unanswered.splice(0, 1);
        if (sent.isRefused) refused.add(sent);
        if (sent.isRefused) page.store.settle(sent.write);
        else page.store.settleLater(sent.write, sent.versions[0][1], sent.versions);
      } else if (kind >= 0.75) server.bring(page.lists[Math.floor(random() * 2)]);
    };
    const check = (/** @type {string} */ where) => {
      /** @type {any} */
      let expected = CARD;
      for (const { write } of all.filter((sent) => !refused.has(sent)))
        expected = expected && (write.action === "delete" ? undefined : { ...expected, ...write.values });
      const lists = page.lists.map(({ scope }) => [scope, expected?.list === scope ? [expected.title] : []]);
      equal(page.shown, Object.fromEntries(lists), where);
      equal(
        page.totals,
        page.lists.map(({ view }) => view.rows.length),
        `${where}: totals`,
      );
    };
    for (let number = 0; number < STEPS; number += 1) {
      step(random());
      check(`seed ${seed}, step ${number}`);
    }
    while (undecided.length || unanswered.length) step(undecided.length ? 0.4 : 0.6);
    for (const list of page.lists) server.bring(list);
    check(`seed ${seed}, at the end`);
    equal(
      page.lists.map(({ pending, coming, overlaid }) => pending.size + coming.size + overlaid.size),
      [0, 0],
    );
  }
});
