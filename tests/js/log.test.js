import { isReactive, watchSyncEffect } from "vue";
import { EventLog, LOG_LENGTH } from "/assets/tabs/log.js";
import { equal, ok, test } from "./harness.js";

test("the newest entry comes first, with its category, and the time to the millisecond", () => {
  const log = new EventLog();
  log.add("leader", "this tab leads");
  log.add("cable", "connected");
  equal(
    log.view.entries.map(({ category, text }) => [category, text]),
    [
      ["cable", "connected"],
      ["leader", "this tab leads"],
    ],
  );
  ok(
    log.view.entries.every(({ time }) => /^\d\d:\d\d:\d\d\.\d\d\d$/.test(time)),
    log.view.entries[0].time,
  );
});

test("the log keeps its newest 50 entries, each with a key of its own", () => {
  const log = new EventLog();
  for (let number = 1; number <= LOG_LENGTH + 10; number += 1) log.add("broadcast", `version ${number}`);
  equal(
    [LOG_LENGTH, log.view.entries.length, log.view.entries[0].text, log.view.entries[49].text],
    [50, 50, "version 60", "version 11"],
  );
  equal(new Set(log.view.entries.map(({ key }) => key)).size, 50);
});

test("the log can be cleared, and keys are not used again", () => {
  const log = new EventLog();
  log.add("follower", "before");
  const [{ key }] = log.view.entries;
  log.clear();
  equal(log.view.entries, []);
  log.add("follower", "after");
  ok(log.view.entries[0].key > key, "a new key");
});

test("who shows the log is told of each entry", () => {
  const log = new EventLog();
  let renders = 0;
  watchSyncEffect(() => {
    renders += log.view.entries ? 1 : 0;
  });
  log.add("cable", "connected");
  log.clear();
  equal([renders, isReactive(log.view)], [3, true]);
});
