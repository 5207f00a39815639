// @ts-check
/**
 * What tabs say to each other: the names under which they meet, and the shape of each message. Whatever else arrives on
 * the channel, of another build or of a script of the same site, is left out here, and nowhere else.
 */

import { TERM_MAX } from "./election.js";

// rises when a message changes its meaning: tabs of builds that speak another one never hear each other
export const PROTOCOL = 3;
export const CHANNEL = `todosync-${PROTOCOL}`;
export const LOCK = `todosync-${PROTOCOL}-leader`;
export const TAB_LOCK = `todosync-${PROTOCOL}-tab`;

/** Socket.IO's own events, which nobody may emit. */
export const RESERVED = new Set([
  ...["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"],
]);

/** @typedef {import("./election.js").Message} Message */
/** @typedef {(value: any) => boolean} Check */

/** @type {Check} */
const isText = (value) => typeof value === "string";
/** @type {Check} */
const isName = (value) => isText(value) && value !== "";
/** @type {Check} */
const isFlag = (value) => typeof value === "boolean";
/** @type {Check} */
const isTime = (value) => Number.isFinite(value);
/** @type {Check} */
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
/** @type {Check} */
const isTerm = (value) => isCount(value) && value <= TERM_MAX;
/** @type {Check} */
const isList = (value) => Array.isArray(value);
/** @type {Check} */
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
/** @type {Check} */
const isEvent = (value) => isName(value) && !RESERVED.has(value);
/** Why a tab is not carried, in the words of the server. @type {Check} */
const isReason = (value) => ["leader", "overtaken", "expired", "session", "full"].includes(value);
/** What a socket can send. A value that refers to itself, say, can be posted, but not sent. @type {Check} */
const isSendable = (value) => {
  try {
    return JSON.stringify(value) !== undefined && !hasBinary(value);
  } catch {
    return false;
  }
};

/** @param {Check} check @returns {Check} */
function optional(check) {
  return (value) => value === undefined || value === null || check(value);
}

/** @param {Record<string, Check>} fields @returns {Check} */
function shape(fields) {
  const checks = Object.entries(fields);
  return (value) => isObject(value) && checks.every(([name, check]) => check(value[name]));
}

const isAccepted = shape({ term: isTerm, ok: isFlag, received: isCount });
const isRefused = shape({ term: isTerm, ok: isFlag, reason: isReason });
const isFrame = shape({ number: isCount, event: isEvent, data: (value) => isObject(value) && isSendable(value) });
const isQuery = shape({ client_id: isName, document_id: isName, tab_id: isName });

/** Of every message. */
const isAddressed = shape({
  type: isName,
  from: isName,
  session: isText,
  to: optional(isName),
  term: optional(isTerm),
  opened: optional((value) => isList(value) && value.length === 2 && value.every(isTime)),
});

/** By the types of messages. A relay has others, and checks what is its own. @type {Record<string, Check>} */
const SHAPES = {
  discover: () => true,
  ping: shape({ term: isTerm, beat: isTime, heard: optional(isTime), link: isCount, connected: isFlag }),
  bye: shape({ term: isTerm, heir: optional(isName) }),
  join: shape({ query: (value) => isQuery(value) && isSendable(value), lock: isName }),
  joined: (message) => (message.ok ? isAccepted(message) : isRefused(message)),
  here: () => true,
  leave: shape({ clientId: isName }),
  up: shape({ clientId: isName, documentId: isName, frame: isFrame }),
  ack: shape({ term: isTerm, received: isCount }),
  rejoin: shape({ term: isTerm }),
  post: shape({ event: isEvent, args: (value) => isList(value) && isSendable(value), question: optional(isCount) }),
  answer: shape({ term: isTerm, question: isCount, args: isList }),
  down: shape({ term: isTerm, event: isName, args: isList, question: optional(isCount) }),
  reply: shape({ question: isCount, args: (value) => isList(value) && isSendable(value) }),
};

/** @param {any} data that has arrived on the channel @returns {Message | null} null if it is no message */
export function readMessage(data) {
  if (!isAddressed(data)) return null;
  const check = Object.hasOwn(SHAPES, data.type) ? SHAPES[data.type] : () => true;
  return check(data) ? data : null;
}

/** Whether Socket.IO would make an attachment of a part of it. @param {any} value @returns {boolean} */
function hasBinary(value) {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof Blob) return true;
  return Object.values(value).some(hasBinary);
}
