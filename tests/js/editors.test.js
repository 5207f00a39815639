import { watchSyncEffect } from "vue";
import { Editors } from "/assets/presence/editors.js";
import { equal, test } from "./harness.js";

/** What a page has been told that has just come. @param {import("/assets/presence/editors.js").Told[]} changes */
function editorsAfter(...changes) {
  const editors = new Editors();
  editors.replace({ stream: "notes", me: "me", all: [["ann", "Ann", [[1, "text"]]]] });
  for (const change of changes) editors.change(change);
  return editors;
}

test("a row shows the others who edit it, each once, in the order of their names", () => {
  const editors = editorsAfter({
    stream: "notes",
    put: [
      [
        "bob",
        "Bob",
        [
          [1, "text"],
          [1, "title"],
        ],
      ],
      ["zoe", "aaron", [[1, "title"]]],
      ["me", "Me", [[1, "text"]]],
    ],
  });
  equal(editors.names("notes", null, 1), "aaron, Ann, Bob");
  equal(editors.names("notes", null, 1, "text"), "Ann, Bob");
  equal(editors.names("notes", null, 2), "");
});

test("who edits something else, or nothing any more, leaves the row", () => {
  const editors = editorsAfter({ stream: "notes", put: [["ann", "Ann", [[2, "text"]]]] });
  equal([editors.names("notes", null, 1), editors.names("notes", null, 2)], ["", "Ann"]);
  editors.change({ stream: "notes", put: [["ann", "Ann", []]] });
  equal([editors.names("notes", null, 2), editors.rows.size], ["", 0]);
});

test("a page that has come again knows nobody from before", () => {
  const editors = editorsAfter();
  editors.replace({ stream: "notes", me: "me", all: [["bob", "Bob", [[1, "text"]]]] });
  equal(editors.names("notes", null, 1), "Bob");
  editors.replace({ stream: "notes", me: "", all: [] });
  equal(editors.rows.size, 0);
});

test("scopes stand apart, and one that the page does not show is left out", () => {
  const editors = editorsAfter();
  editors.replace({ stream: "notes", scope: 7, me: "me", all: [["ann", "Ann", [[1, "text"]]]] });
  editors.change({ stream: "notes", scope: 8, put: [["bob", "Bob", [[1, "text"]]]] });
  editors.change({ stream: "notes", scope: 7, put: [["ann", "Ann", []]] });
  equal([editors.names("notes", null, 1), editors.names("notes", 7, 1), editors.names("notes", 8, 1)], ["Ann", "", ""]);
});

test("only the rows that are concerned are rendered again", () => {
  const editors = editorsAfter();
  let renders = 0;
  watchSyncEffect(() => {
    renders += editors.names("notes", null, 2) === "nobody" ? 0 : 1;
  });
  editors.change({ stream: "notes", put: [["bob", "Bob", [[1, "text"]]]] });
  equal(renders, 1);
  editors.change({ stream: "notes", put: [["bob", "Bob", [[2, "text"]]]] });
  equal(renders, 2);
});
