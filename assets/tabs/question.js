// @ts-check
/** A frame's acknowledgement: a function of the page that is called once, with the server's answer or with an error. */

/** @typedef {((...args: any[]) => void) & { withError?: boolean }} Acknowledge with `withError` the error comes first */

export class Question {
  /** @param {Acknowledge} acknowledge @param {number} [timeout] ms after which there is an error */
  constructor(acknowledge, timeout) {
    this.acknowledge = acknowledge;
    this.takesError = timeout !== undefined || acknowledge.withError === true;
    this.isOver = false;
    this.timer = timeout !== undefined && setTimeout(() => this.fail("operation has timed out"), timeout);
  }

  /** @param {any[]} answer */
  answer(...answer) {
    this.#end(this.takesError ? [null, ...answer] : answer);
  }

  /** Where the page does not ask for errors it hears nothing, as of the real socket. @param {string} reason */
  fail(reason) {
    if (this.takesError) this.#end([new Error(reason)]);
    this.isOver = true;
  }

  /** @param {any[]} args */
  #end(args) {
    if (this.isOver) return;
    this.isOver = true;
    if (this.timer !== false) clearTimeout(this.timer);
    this.acknowledge(...args);
  }
}
