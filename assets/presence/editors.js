// @ts-check
/** Who edits what in the rows of the scopes that this page shows, as the server has told. */

import { shallowReactive } from "vue";
import { keyOf } from "../streams/store.js";

/**
 * @typedef {string | number} Id
 * @typedef {[Id, string]} Thing a row, and one of its fields; an empty text for the row as a whole
 * @typedef {[string, string, Thing[]]} Editor the id of a person, their name, and what they edit
 * @typedef {{ stream: string, scope?: Id, me?: string, all?: Editor[], put?: Editor[] }} Told
 */

export class Editors {
  constructor() {
    /** @type {Map<string, { me: string, people: Map<string, Thing[]> }>} by the keys of scopes */
    this.scopes = new Map();
    /** @type {Map<string, { id: string, name: string, field: string }[]>} by scope and row; only what changes is rendered */
    this.rows = shallowReactive(new Map());
  }

  /** The page has just come: this is all that there is. @param {Told} told */
  replace({ stream, scope, me = "", all = [] }) {
    const key = keyOf(stream, scope);
    for (const id of [...(this.scopes.get(key)?.people.keys() ?? [])]) this.#put(key, [id, "", []]);
    this.scopes.set(key, { me, people: new Map() });
    for (const editor of all) this.#put(key, editor);
  }

  /** Something has changed. A page that does not show it has not been told the rest. @param {Told} told */
  change({ stream, scope, put = [] }) {
    const key = keyOf(stream, scope);
    if (this.scopes.has(key)) for (const editor of put) this.#put(key, editor);
  }

  /**
   * The names of the others who edit a row. @param {string} stream @param {Id | null} scope @param {Id} row
   * @param {string} [field] only of this field
   */
  names(stream, scope, row, field) {
    const key = keyOf(stream, scope ?? undefined);
    const others = (this.rows.get(placeOf(key, row)) ?? []).filter(
      (each) => field === undefined || each.field === field,
    );
    return [...new Map(others.map(({ id, name }) => [id, name])).values()].join(", ");
  }

  /** @param {string} key @param {Editor} editor */
  #put(key, [id, name, things]) {
    const scope = this.scopes.get(key);
    if (!scope || id === scope.me) return;
    for (const [row] of scope.people.get(id) ?? []) {
      const place = placeOf(key, row);
      const left = (this.rows.get(place) ?? []).filter((each) => each.id !== id);
      if (left.length) this.rows.set(place, left);
      else this.rows.delete(place);
    }
    if (things.length) scope.people.set(id, things);
    else scope.people.delete(id);
    for (const [row, field] of things) {
      const place = placeOf(key, row);
      this.rows.set(place, [...(this.rows.get(place) ?? []), { id, name, field }].sort(byName));
    }
  }
}

/** @param {string} key @param {Id} row */
function placeOf(key, row) {
  return JSON.stringify([key, row]);
}

/** @param {{ id: string, name: string }} a @param {{ id: string, name: string }} b */
function byName(a, b) {
  const [one, other] = [a.name.toLowerCase() + a.id, b.name.toLowerCase() + b.id];
  return one < other ? -1 : Number(one > other);
}
