// @ts-check
/** The tab's event log: what the sync layer did, for a developer to follow. Never holds a NiceGUI client id. */

import { shallowReactive } from "vue";

export const LOG_LENGTH = 50;

export class EventLog {
  constructor() {
    this.view = shallowReactive({
      /** @type {{ key: number, time: string, category: string, text: string }[]} */
      entries: [], // newest first
      isOpen: false, // whether somebody looks at it: only then is it worth rendering
    });
    this.count = 0;
  }

  /** @param {'leader' | 'follower' | 'cable' | 'broadcast'} category @param {string} text */
  add(category, text) {
    const entry = { key: ++this.count, time: timeOfDay(new Date()), category, text };
    this.view.entries = [entry, ...this.view.entries].slice(0, LOG_LENGTH);
  }

  clear() {
    this.view.entries = [];
  }
}

/** @param {Date} date @returns {string} hours, minutes, seconds and milliseconds, local time */
function timeOfDay(date) {
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) =>
    String(n).padStart(2, "0"),
  );
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
