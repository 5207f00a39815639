// @ts-check
/**
 * Presence: shows in rows who edits them, and tells which field of a row this person is in. An entry of its own, which
 * an app with streams has its pages load, after `leader.js`.
 */

import { tab } from "../leader.js";
import { isObject } from "../tabs/messages.js";
import { Editors } from "./editors.js";
import { watchFocus } from "./focus.js";

/**
 * @typedef {import("../tabs/tab.js").Line} Line
 * @typedef {import("./editors.js").Told} Told
 */

export const editors = new Editors();
/** @type {Line | null} */
let line = null;

tab.relays.push({
  versions: () => ({}),
  connected(/** @type {Line} */ newLine) {
    line = newLine;
  },
  fromServer(/** @type {string} */ event, /** @type {any} */ data) {
    if (event === "todosync_editing_all") {
      editors.replace(data); // for this page alone, also over its leader
      return true;
    }
    if (event !== "todosync_editing") return false;
    editors.change(data);
    line?.post("editing", { payload: data }); // one message for all tabs of the browser
    return true;
  },
  fromTab(message, sender) {
    const { payload } = message;
    if (sender === "leader" && message.type === "editing" && isTold(payload)) editors.change(payload);
  },
});

watchFocus((place) => /** @type {any} */ (window).emitEvent("todosync_focus", ...place));

Object.assign(/** @type {any} */ (window).todosync, {
  /** @type {Editors["names"]} */
  editors: (stream, scope, row, field) => editors.names(stream, scope, row, field),
});

/** Whether another tab has posted what a server tells. @param {any} told @returns {told is Told} */
function isTold(told) {
  return isObject(told) && typeof told.stream === "string" && Array.isArray(told.put) && told.put.every(isEditor);
}

/** @param {any} editor */
function isEditor(editor) {
  if (!Array.isArray(editor)) return false;
  const [id, name, things] = editor;
  return [id, name].every((text) => typeof text === "string") && Array.isArray(things) && things.every(Array.isArray);
}
