// @ts-check
/** Ids of new rows, made as the server makes them: milliseconds since 2025, and twelve random bits. */

const EPOCH = Date.UTC(2025, 0, 1);
const RANDOM_RANGE = 2 ** 12;

export class RowIds {
  /** @param {number} time the server's, now, in milliseconds since 1970: the clock of this device may be set meanwhile */
  constructor(time) {
    this.origin = time - performance.now();
    this.last = 0;
  }

  /** @returns {number} milliseconds since 1970, as the server has it */
  now() {
    return Math.round(this.origin + performance.now());
  }

  /** @returns {number} an id, higher than the one before */
  make() {
    const random = crypto.getRandomValues(new Uint16Array(1))[0] % RANDOM_RANGE;
    this.last = Math.max(Math.max(this.now() - EPOCH, 0) * RANDOM_RANGE + random, this.last + 1);
    return this.last;
  }
}

/** A time as rows carry it. @param {number} milliseconds since 1970 */
export function timeOf(milliseconds) {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}
