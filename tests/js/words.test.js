import { inWords } from "/assets/writes/words.js";
import { equal, test } from "./harness.js";

/** @param {any} entry @param {Record<string, string>} [words] */
function words(entry, words = {}) {
  return inWords({ stream: "todos", values: {}, shows: entry.values ?? {}, ...entry }, "title", words);
}

test("a change is called by what it does and by the row, in the app's own words where it has some", () => {
  const own = { "completed=true": "Check", "completed=false": "Uncheck", title: "Rename", archive: "Put away" };
  const name = "Buy milk";
  equal(words({ action: "insert", values: { title: name } }), "Add “Buy milk”");
  equal(words({ action: "delete", name }), "Delete “Buy milk”");
  equal(words({ action: "restore", name }), "Put back “Buy milk”");
  equal(words({ action: "update", name, values: { title: "Buy oats" } }), "Change “Buy milk” to “Buy oats”");
  equal(words({ action: "update", name, values: { title: "Buy oats" } }, own), "Rename “Buy milk” to “Buy oats”");
  equal(words({ action: "update", name, values: { completed: true } }, own), "Check “Buy milk”");
  equal(words({ action: "update", name, values: { completed: false } }, own), "Uncheck “Buy milk”");
  equal(words({ action: "update", name, values: { completed: false } }), "Change “Buy milk”");
  equal(words({ action: "pin_it", name }), "Pin it “Buy milk”");
  equal(words({ action: "archive", name }, own), "Put away “Buy milk”");
  equal(words({ action: "insert", values: { count: 1 } }), "Add (todos)");
});
