// @ts-check
/** Ids of new rows, made as the server makes them: milliseconds since 2025, and twelve random bits. */

const EPOCH = Date.UTC(2025, 0, 1);
const RANDOM_RANGE = 2 ** 12;

export class RowIds {
  /** @param {number} time the server's, now, in milliseconds since 1970: the clock of this device may be set meanwhile */
  constructor(time) {
    this.origin = time - performance.now();
    this.last = 0;
    this.lastTime = 0;
  }

  /** @returns {number} milliseconds since 1970, as the server has it */
  now() {
    return Math.round(this.origin + performance.now());
  }

  /** An id that rises, too, of a row whose ids are UUIDs. @returns {string} */
  makeUuid() {
    this.lastTime = Math.max(this.now(), this.lastTime + 1);
    return makeUuid(this.lastTime);
  }

  /** @returns {number} an id, higher than the one before */
  make() {
    const random = crypto.getRandomValues(new Uint16Array(1))[0] % RANDOM_RANGE;
    this.last = Math.max(Math.max(this.now() - EPOCH, 0) * RANDOM_RANGE + random, this.last + 1);
    return this.last;
  }
}

/** A UUID of version 7, in which the time is: milliseconds since 1970, and random bits. @param {number} milliseconds */
export function makeUuid(milliseconds) {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // `crypto.randomUUID` is missing where http is plain
  for (let index = 0; index < 6; index += 1) bytes[index] = Math.floor(milliseconds / 256 ** (5 - index)) % 256;
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** A time as rows carry it. @param {number} milliseconds since 1970 */
export function timeOf(milliseconds) {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}
