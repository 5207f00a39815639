// @ts-check
/** Notices: one for all that is told of one kind, because a pile of them would cover the page. */

const LONGEST = 80; // characters of a text that a notice shows

/**
 * @typedef {{ key: number, message: string, texts: string[] }} Told `texts` are what a person has written and would lose
 * @typedef {{ label: string, handler?: () => void }} Action what a person may do about all that is listed
 */

export class Notice {
  /**
   * @param {object} parts
   * @param {(count: number) => string} parts.heading of several
   * @param {number} parts.seconds how long it stands; with texts that would be lost until it is closed
   * @param {Action[]} [parts.actions]
   * @param {(keys: number[]) => void} [parts.onRead] the person has closed it, or had time to read it
   */
  constructor({ heading, seconds, actions = [], onRead = () => {} }) {
    this.heading = heading;
    this.seconds = seconds;
    this.actions = actions;
    this.onRead = onRead;
    /** @type {Told[]} */
    this.told = [];
    /** @type {((options?: object) => void) | null} changes the notice that is there, or takes it away */
    this.change = null;
  }

  /** @param {Told} told the same key tells the same thing once more */
  add(told) {
    if (this.told.some(({ key }) => key === told.key)) return;
    this.told.push(told);
    this.#show();
  }

  /** Tell no more of some: they were read elsewhere. @param {number[]} keys */
  remove(keys) {
    const left = this.told.filter(({ key }) => !keys.includes(key));
    if (left.length === this.told.length) return;
    this.told = left;
    if (left.length) this.#show();
    else this.change?.();
  }

  #show() {
    const texts = this.told.flatMap((each) => each.texts);
    const copy = { label: "Copy text", noCaps: true, handler: () => copyText(texts.join("\n")) };
    const options = {
      ...this.#content(),
      actions: [
        ...(texts.length ? [copy] : []),
        ...this.actions.map((action) => ({ ...action, noCaps: true })),
        ...(texts.length || this.told.length > 1 ? [{ label: "Close", noCaps: true }] : []),
      ],
      multiLine: texts.length > 0 || this.told.length > 1,
      timeout: texts.length ? 0 : 1000 * this.seconds,
    };
    if (this.change) this.change(options);
    else this.change = show({ group: false, ...options, onDismiss: () => this.#onDismiss() });
  }

  #content() {
    if (this.told.length === 1) return { message: this.told[0].message, html: false };
    const list = document.createElement("ul");
    for (const { message } of this.told) {
      list.append(Object.assign(document.createElement("li"), { textContent: message }));
    }
    const heading = Object.assign(document.createElement("div"), { textContent: this.heading(this.told.length) });
    list.style.cssText = "margin: .25rem 0 0; padding-inline-start: 1.25rem; max-height: 40vh; overflow: auto";
    return { message: heading.outerHTML + list.outerHTML, html: true };
  }

  #onDismiss() {
    const keys = this.told.map(({ key }) => key);
    this.told = [];
    this.change = null;
    if (keys.length) this.onRead(keys);
  }
}

/** @param {string} text */
export function clip(text) {
  const characters = [...text];
  return characters.length > LONGEST
    ? `${characters
        .slice(0, LONGEST - 1)
        .join("")
        .trimEnd()}…`
    : text;
}

/** @param {object} options @returns {(options?: object) => void} takes the notice away, or changes it */
export function show(options) {
  const { Quasar } = /** @type {any} */ (window);
  return Quasar.Notify.create({ position: "bottom", ...options });
}

/** @param {string} text */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: text }); // plain http has no clipboard
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}
