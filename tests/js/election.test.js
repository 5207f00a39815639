import {
  CALM_MS,
  DISCOVER_TIMEOUT_MS,
  Election,
  HANDOVER_MS,
  PING_INTERVAL_MS,
  SILENCE_MS,
  STEAL_BACKOFF_MAX_MS,
  STEAL_BACKOFF_MS,
  TICK_MS,
  outranks,
} from "/assets/tabs/election.js";
import { ElectionTab } from "./election_tab.js";
import { equal, ok, test } from "./harness.js";
import { World } from "./world.js";

const TAKE_OVER_MS = SILENCE_MS + TICK_MS + DISCOVER_TIMEOUT_MS;
const LOCKS = { locks: true };
const NO_LOCKS = { locks: false };
const EITHER_WAY = [LOCKS, NO_LOCKS];

/** A browser whose tabs were opened one after the other, so that the first leads. @param {string} ids, one letter each */
function browser(ids, { locks } = LOCKS) {
  const world = new World({ locks, makeTab: (world, id) => new ElectionTab(world, id, Election) });
  for (const id of ids) {
    world.open(id);
    world.settle(1000);
  }
  return world;
}

/** How each tab sees it, such as "a leads, b follows a". @param {World<ElectionTab>} world */
function views(world) {
  const here = world.tabs.filter((tab) => !tab.isGone);
  return here
    .map(({ id, election: { state, leader } }) => `${id} ${leader ? `follows ${leader.id}` : VERBS[state]}`)
    .join(", ");
}
const VERBS = { leader: "leads", seeking: "seeks", out: "is out", follower: "follows nobody" };

/** All messages that one tab sends to another, of those that are on their way. @param {World<ElectionTab>} world @param {string} pair */
function sent(world, pair) {
  return world.channel.get(pair) ?? [];
}

/** @param {World<ElectionTab>} world @param {string} from @param {object} content */
function ping(world, from, content) {
  return { from, type: "ping", term: 1, link: 1, connected: true, beat: 0, heard: 0, ...content };
}

/** Perform the timers of a tab that are due, and deliver nothing. @param {World<ElectionTab>} world @param {number} ms @param {string} ids */
function pass(world, ms, ids) {
  const end = world.now + ms;
  for (;;) {
    const due = [...ids].map((id) => world.tab(id)).filter((tab) => tab.timers.length && tab.nextTimer.due <= end);
    if (!due.length) break;
    due.sort((a, b) => a.nextTimer.due - b.nextTimer.due)[0].fireTimer();
  }
  world.now = end;
}

// opening

test("a tab that is alone leads at once where there are locks", () => {
  const world = browser("");
  world.open("a");
  world.settle(0);
  equal(views(world), "a leads");
});

test("a tab that is alone leads after 500 ms without an answer where there are no locks", () => {
  const world = browser("", NO_LOCKS);
  world.open("a");
  world.settle(DISCOVER_TIMEOUT_MS - 1);
  equal(views(world), "a seeks");
  world.settle(1);
  equal(views(world), "a leads");
});

test("a tab that is opened follows the leader as soon as it answers", () => {
  for (const way of EITHER_WAY) {
    const world = browser("a", way);
    world.open("b");
    world.settle(0);
    equal(views(world), "a leads, b follows a");
  }
});

test("two tabs opened in the same millisecond without locks end with the one of the lowest id as leader", () => {
  const world = browser("", NO_LOCKS);
  world.open("b");
  world.open("a");
  world.settle(2 * DISCOVER_TIMEOUT_MS);
  equal(views(world), "a leads, b follows a");
});

test("ten tabs opened in the same millisecond end with one leader", () => {
  for (const way of EITHER_WAY) {
    const world = browser("", way);
    for (const id of "jihgfedcba") world.open(id);
    world.settle(2 * DISCOVER_TIMEOUT_MS);
    equal(world.leaders.length, 1);
    equal(world.running.filter((tab) => tab.election.leader?.id === world.leaders[0].id).length, 9);
  }
});

test("a tab that is opened does not steal from a leader that is still loading", () => {
  const world = browser("");
  world.open("a");
  world.perform("stop a"); // holds the lock, and has not begun to speak
  world.open("b");
  world.settle(SILENCE_MS - 1);
  equal(views(world), "a seeks, b seeks");
  world.perform("revive a");
  world.settle(0);
  equal(views(world), "a leads, b follows a");
});

test("a tab opened just after the leader crashed leads without delay where there are locks", () => {
  const world = browser("a");
  world.perform("crash a");
  world.open("b");
  world.settle(0);
  equal(views(world), "b leads");
});

test("a tab opened just after the leader crashed without locks leads, and the others follow it", () => {
  const world = browser("ab", NO_LOCKS);
  world.perform("crash a");
  world.open("c");
  world.settle(2 * DISCOVER_TIMEOUT_MS);
  equal(views(world), "b follows c, c leads");
});

test("where the locks turn out to be forbidden the messages elect", () => {
  const world = browser("");
  world.locks.request = (/** @type {any} */ tab, /** @type {any} */ { failed }) => {
    tab.tasks.push({ name: "failed", run: failed });
    return () => {};
  };
  world.open("a");
  world.open("b");
  world.settle(2 * DISCOVER_TIMEOUT_MS);
  equal(views(world), "a leads, b follows a");
});

// leaving

test("when the leader is closed the next tab leads at once", () => {
  for (const way of EITHER_WAY) {
    const world = browser("abc", way);
    world.perform("close a");
    world.settle(0);
    equal(views(world), "b leads, c follows b");
  }
});

test("ten leaders closed one after the other every 300 ms hand over each time", () => {
  for (const way of EITHER_WAY) {
    const world = browser("abcdefghij", way);
    for (let left = 10; left > 1; left -= 1) {
      world.perform(`close ${world.leaders[0].id}`);
      world.settle(300);
      equal([world.leaders.length, world.running.length], [1, left - 1]);
    }
  }
});

test("when the leader crashes the next tab leads at once where there are locks", () => {
  const world = browser("abc");
  world.perform("crash a");
  world.settle(0);
  equal(world.leaders[0].id, "b");
});

test("when the leader crashes without locks a follower leads after 5 s of silence", () => {
  const world = browser("abc", NO_LOCKS);
  world.perform("crash a");
  world.settle(SILENCE_MS - PING_INTERVAL_MS);
  equal(views(world), "b follows a, c follows a");
  world.settle(TAKE_OVER_MS);
  equal(world.leaders.length, 1);
});

test("where there are no locks and the heir that the leader named is dead, another tab leads after 500 ms", () => {
  const world = browser("abcd", NO_LOCKS);
  world.perform("crash b"); // the first of the tabs that a carries
  world.perform("close a");
  world.settle(2 * DISCOVER_TIMEOUT_MS);
  equal(views(world), "c leads, d follows c");
});

test("a follower that leaves does not get the lock", () => {
  for (const verb of ["close", "freeze"]) {
    const world = browser("abc");
    world.perform(`${verb} b`);
    world.perform("close a");
    world.settle(0);
    equal(world.leaders[0].id, "c");
  }
});

test("a leader that is frozen hands over before it falls silent", () => {
  for (const way of EITHER_WAY) {
    const world = browser("ab", way);
    world.perform("freeze a");
    world.settle(0);
    equal(views(world), "a is out, b leads");
  }
});

test("a page that comes back from the cache or from a freeze follows, though it led before", () => {
  for (const way of EITHER_WAY) {
    const world = browser("ab", way);
    world.perform("freeze a");
    world.settle(20_000);
    world.perform("revive a");
    world.settle(0);
    equal(views(world), "a follows b, b leads");
  }
});

test("starting and withdrawing twice is the same as once", () => {
  const world = browser("a");
  const { election } = world.tab("a");
  election.start();
  equal([world.locks.queue.length, world.tab("a").timers.length], [0, 1]);
  election.withdraw("twice");
  election.withdraw("twice");
  equal([world.locks.held, world.tab("a").timers.length, election.state], [null, 0, "out"]);
});

// leaders that do not answer

test("a frozen follower at the head of the lock queue delays the hand-over by 2 s, no more", () => {
  const world = browser("abc");
  world.perform("stop b"); // gets the lock and never runs
  world.perform("close a");
  world.settle(HANDOVER_MS - TICK_MS);
  equal(world.leaders.length, 0);
  world.settle(2 * TICK_MS + DISCOVER_TIMEOUT_MS);
  equal(views(world), "b follows a, c leads");
  world.perform("revive b");
  world.settle(0);
  equal(views(world), "b follows c, c leads");
});

test("a leader that stands still loses the lock after 5 s of silence, and steps down when it wakes", () => {
  const world = browser("ab");
  world.perform("stop a");
  world.settle(SILENCE_MS - PING_INTERVAL_MS);
  equal(world.leaders.length, 0);
  world.settle(TAKE_OVER_MS);
  equal(world.leaders[0].id, "b");
  world.settle(20_000);
  world.perform("revive a");
  world.settle(0);
  equal(views(world), "a follows b, b leads");
  ok(world.tab("a").told.includes("resign"), "the old leader stepped down");
});

test("a leader that stood still steps down when it wakes where there are no locks", () => {
  const world = browser("ab", NO_LOCKS);
  world.perform("stop a");
  world.settle(20_000);
  world.perform("revive a");
  world.settle(TICK_MS);
  equal(views(world), "a follows b, b leads");
});

test("an answer alone is no sign of life: a leader whose timers and socket are dead loses the lead", () => {
  for (const way of EITHER_WAY) {
    const world = browser("ab", way);
    world.perform("wedge a");
    world.settle(SILENCE_MS + TAKE_OVER_MS);
    equal(world.leaders[0].id, "b");
  }
});

test("a leader with throttled timers keeps the lead as long as it answers with news of the server", () => {
  for (const way of EITHER_WAY) {
    const world = browser("ab", way);
    const a = world.tab("a");
    for (let second = 0; second < 60; second += 1) {
      pass(world, TICK_MS, "b"); // the timers of a do not run
      while (world.pending().length) world.perform(world.pending()[0]);
      equal(
        world.leaders.map((tab) => tab.id),
        ["a"],
        `leaders after ${second} s`,
      );
    }
    equal(world.reigns.length, 1);
    ok(a.timers.length, "its tick is waiting");
  }
});

test("with the timers of all tabs throttled to once a minute the lead stays where it is", () => {
  for (const isServerUp of [true, false]) {
    for (const way of EITHER_WAY) {
      const world = browser("abc", way);
      if (!isServerUp) world.perform("server down");
      world.settle(0);
      for (let minute = 0; minute < 10; minute += 1) {
        world.now += 60_000;
        for (const id of minute % 2 ? "cab" : "bca") {
          for (const timer of [...world.tab(id).timers]) if (timer.due <= world.now) world.tab(id).fireTimer();
        }
        while (world.pending().length) world.perform(world.pending()[0]);
      }
      equal([views(world), world.reigns.length], ["a leads, b follows a, c follows a", 1]);
    }
  }
});

test("while the server is down nobody takes the lead from a leader that lives", () => {
  for (const way of EITHER_WAY) {
    const world = browser("abc", way);
    world.perform("server down");
    world.settle(600_000);
    equal([views(world), world.reigns.length], ["a leads, b follows a, c follows a", 1]);
    equal(world.tab("b").election.leader?.connected, false);
    world.perform("server up");
    world.settle(0);
    equal(world.tab("b").election.leader?.connected, true);
  }
});

test("a server that does not answer does not keep a leader with running timers from answering", () => {
  const world = browser("a");
  world.settle(30_000); // the server was heard long ago
  world.open("b");
  world.perform("deliver b>a");
  equal(
    sent(world, "a>b").map(({ type }) => type),
    ["ping"],
  );
});

test("a leader without a recent sign of life asks the server before it answers", () => {
  const world = browser("ab");
  const a = world.tab("a");
  world.now += SILENCE_MS + 1; // its timers did not run, and the server said nothing
  world.perform("nudge b");
  world.perform("deliver b>a");
  equal([sent(world, "a>b").length, a.tasks.map(({ name }) => name)], [0, ["probe answered"]]);
  world.perform("task a");
  equal(
    sent(world, "a>b").map(({ type, heard }) => [type, heard]),
    [["ping", 0]],
  );
});

test("a leader that is only busy for a second is not robbed by a tab that was shown", () => {
  for (const way of EITHER_WAY) {
    const world = browser("ab", way);
    world.perform("stop a");
    world.perform("nudge b");
    world.settle(2 * DISCOVER_TIMEOUT_MS);
    world.perform("revive a");
    world.settle(TAKE_OVER_MS);
    equal([views(world), world.reigns.length], ["a leads, b follows a", 1]);
  }
});

test("a tab that stood still while it asked does not act before it is handed the answers", () => {
  for (const way of EITHER_WAY) {
    const world = browser("ab", way);
    world.perform("nudge b");
    world.perform("stop b");
    world.settle(20_000);
    world.perform("revive b");
    world.perform("fire b");
    world.perform("fire b");
    world.settle(TAKE_OVER_MS);
    equal([views(world), world.reigns.length], ["a leads, b follows a", 1]);
  }
});

test("a tab that is shown after its leader fell silent acts within 500 ms", () => {
  for (const way of EITHER_WAY) {
    const world = browser("ab", way);
    world.perform("stop a");
    world.now += 60_000; // the timers of b are throttled
    world.perform("nudge b");
    world.settle(DISCOVER_TIMEOUT_MS);
    equal(
      world.leaders.map((tab) => tab.id),
      ["b"],
    );
  }
});

test("after the machine has slept the leader still leads", () => {
  for (const order of ["abc", "cba"]) {
    for (const way of EITHER_WAY) {
      const world = browser("abc", way);
      world.now += 8 * 3_600_000;
      for (const id of order) world.tab(id).fireTimer();
      world.settle(TAKE_OVER_MS);
      equal([views(world), world.reigns.length], ["a leads, b follows a, c follows a", 1]);
    }
  }
});

test("a leader that stood still gives a sign of life as soon as its timers run again", () => {
  const world = browser("ab", NO_LOCKS);
  const a = world.tab("a");
  world.now += 60_000;
  world.perform("server down");
  world.perform("task a"); // it says that it is disconnected, which is no sign of life
  world.channel.clear();
  a.fireTimer();
  equal(
    sent(world, "a>b").map(({ type, beat }) => [type, beat]),
    [["ping", 0]],
  );
});

// stealing

test("when several tabs steal at the same moment one of them leads in the end", () => {
  const world = browser("abcde");
  world.perform("stop a");
  pass(world, TAKE_OVER_MS + TICK_MS, "bcde"); // all decide before they hear of each other
  world.settle(TAKE_OVER_MS);
  equal(world.leaders.length, 1);
  const leader = world.leaders[0].id;
  equal(world.running.filter((tab) => tab.election.leader?.id === leader).length, 3);
  const { length } = world.reigns;
  world.settle(60_000);
  equal(world.reigns.length, length, "changes of the lead");
});

test("steals are bounded: each waits twice as long as the one before, up to a minute", () => {
  const world = browser("ab");
  const b = world.tab("b").election;
  /** @type {number[]} */
  const times = [];
  const { request } = world.locks;
  world.locks.request = function (/** @type {any} */ tab, /** @type {any} */ options) {
    if (options.steal && tab.id === "b") times.push(world.now);
    const drop = request.call(this, tab, options);
    if (options.steal) tab.tasks = []; // it is granted, but never told so
    return drop;
  };
  world.perform("stop a");
  world.settle(300_000);
  const waits = times.slice(1).map((time, index) => time - times[index]);
  equal(waits.length >= 6, true, "enough steals");
  for (const [index, wait] of waits.entries()) {
    const least = Math.min(STEAL_BACKOFF_MAX_MS, STEAL_BACKOFF_MS * 2 ** (index + 1));
    ok(wait >= least && wait <= least + 2 * TICK_MS, `steal ${index + 2} came after ${wait} ms`);
  }
  equal(b.steals, times.length);
});

test("a leader that lasted makes earlier steals forgotten", () => {
  const world = browser("ab");
  const b = world.tab("b");
  b.election.steals = 3;
  b.election.stolenAt = world.now;
  world.settle(CALM_MS - TICK_MS);
  equal(b.election.steals, 3);
  world.settle(2 * TICK_MS + PING_INTERVAL_MS);
  equal(b.election.steals, 0);
});

test("a lock that is granted after it was stolen counts for nothing", () => {
  const world = browser("");
  /** @type {import("../../assets/tabs/election.js").LockRequest[]} */
  const requests = [];
  world.locks.request = (/** @type {any} */ tab, /** @type {any} */ request) => {
    requests.push(request);
    return () => {};
  };
  const { election } = world.open("a");
  requests[0].lost();
  requests[0].granted();
  equal([election.state, requests.length], ["seeking", 2]);
});

// terms

test("a leader leads in a term above all it has heard of, even while it took no part", () => {
  const world = browser("a");
  const { election } = world.tab("a");
  election.withdraw("cached");
  election.receive(ping(world, "b", { term: 6 }));
  election.start();
  world.settle(0);
  equal(election.term, 7);
});

test("a leader that hears a higher term steps down and follows", () => {
  for (const way of EITHER_WAY) {
    const world = browser("a", way);
    const a = world.tab("a");
    a.election.receive(ping(world, "z", { term: 2 }));
    equal(a.election.leader, { id: "z", term: 2, link: 1, connected: true });
    ok(a.told.includes("resign"), "it resigned");
  }
});

test("a leader that steps down says so, and its followers look for the next one at once", () => {
  const world = browser("ab");
  world.tab("a").election.receive(ping(world, "z", { term: 2 }));
  equal(sent(world, "a>b")[0], { from: "a", type: "bye", term: 1, heir: null });
  world.perform("deliver a>b");
  equal([world.tab("b").election.state, sent(world, "b>a").map(({ type }) => type)], ["seeking", ["discover"]]);
});

test("a leader does not step down for a ping that is no sign of life", () => {
  const world = browser("a");
  const { election } = world.tab("a");
  election.receive(ping(world, "z", { term: 2, beat: SILENCE_MS + 1, heard: null }));
  equal(election.state, "leader");
});

test("in the same term the lock has decided where there is one, and the lowest id decides where there is none", () => {
  for (const [way, state] of /** @type {const} */ ([
    [LOCKS, "leader"],
    [NO_LOCKS, "follower"],
  ])) {
    const world = browser("b", way);
    const { election } = world.tab("b");
    election.receive(ping(world, "a", { term: 1 }));
    equal(election.state, state);
  }
});

test("a leader answers a lower one, which then steps down, and ignores a higher one's equal", () => {
  const world = browser("b", NO_LOCKS);
  world.open("c");
  world.channel.clear();
  const { election } = world.tab("b");
  election.receive(ping(world, "c", { term: 1 }));
  equal(
    sent(world, "b>c").map(({ type }) => type),
    ["ping"],
  );
});

test("relays of another tab, or of another term, are not from the leader", () => {
  const world = browser("ab");
  const { election } = world.tab("b");
  equal(election.isFromLeader({ type: "data", from: "a", term: 1 }), true);
  equal(election.isFromLeader({ type: "data", from: "a", term: 0 }), false);
  equal(election.isFromLeader({ type: "data", from: "c", term: 1 }), false);
  equal(world.tab("a").election.isFromLeader({ type: "data", from: "b", term: 1 }), false);
});

test("a follower that hears of a second leader asks, and stays with its own if that answers", () => {
  const world = browser("ab");
  const b = world.tab("b");
  world.settle(TICK_MS);
  b.election.receive(ping(world, "c", { term: 0 }));
  equal(
    sent(world, "b>a").map(({ type }) => type),
    ["discover"],
  );
  world.settle(DISCOVER_TIMEOUT_MS);
  equal(b.election.leader?.id, "a");
});

test("a follower that hears of a second leader goes over to it if only that one answers", () => {
  const world = browser("ab");
  const b = world.tab("b");
  world.perform("stop a");
  b.election.receive(ping(world, "c", { term: 0 }));
  b.election.receive(ping(world, "c", { term: 0 }));
  equal(b.election.leader?.id, "c");
});

test("the farewell of a tab that is not the leader changes nothing", () => {
  const world = browser("abc");
  const b = world.tab("b");
  b.election.receive({ type: "bye", from: "c", term: 1 });
  b.election.receive({ type: "bye", from: "a", term: 0 });
  equal(b.election.leader?.id, "a");
});

test("the higher term outranks, then the lower id", () => {
  equal([outranks(2, "b", 1, "a"), outranks(1, "a", 2, "b")], [true, false]);
  equal([outranks(1, "a", 1, "b"), outranks(1, "b", 1, "a"), outranks(1, "a", 1, "a")], [true, false, false]);
});

// news

test("the leader pings every 2 s, and says since when its timers run and when it heard the server", () => {
  const world = browser("ab");
  world.settle(10_000);
  const start = world.now;
  /** @type {[number, number, number][]} */
  const pings = [];
  const { receive } = world.tab("b").election;
  world.tab("b").election.receive = function (message) {
    if (message.type === "ping") pings.push([world.now - start, message.beat, message.heard]);
    receive.call(this, message);
  };
  world.settle(6000);
  equal(
    pings.map(([, beat]) => beat),
    [0, 0, 0],
  );
  equal(
    pings.map(([at], index) => at - (pings[index - 1]?.[0] ?? at)),
    [0, PING_INTERVAL_MS, PING_INTERVAL_MS],
  );
});

test("a change of the leader's connection is known to its followers at once", () => {
  const world = browser("ab");
  world.perform("server down");
  world.settle(0);
  equal(world.tab("b").election.leader?.connected, false);
  world.perform("server up");
  world.settle(0);
  equal(world.tab("b").election.leader, { id: "a", term: 1, link: 2, connected: true });
});

test("a question is asked once until it is answered, however often there is a reason", () => {
  const world = browser("ab");
  for (let times = 0; times < 5; times += 1) world.perform("nudge b");
  equal(
    sent(world, "b>a").map(({ type }) => type),
    ["discover"],
  );
});
