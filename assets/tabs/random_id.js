// @ts-check

/** A random id: 32 hexadecimal digits. `crypto.randomUUID` is missing where http is plain. */
export function makeId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
