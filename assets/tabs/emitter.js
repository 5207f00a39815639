// @ts-check
/** What Socket.IO's objects have in common: https://socket.io/docs/v4/client-api/ */

/** @typedef {Function & { only?: Function }} Handler `only` is what a handler that runs once stands for */

export class Emitter {
  constructor() {
    /** @type {Map<string, Handler[]>} */
    this.handlers = new Map();
  }

  /** @param {string} event @param {Function} handler */
  on(event, handler) {
    this.handlers.set(event, [...this.listeners(event), handler]);
    return this;
  }

  /** @param {string} event @param {Function} handler */
  once(event, handler) {
    const wrapper = (/** @type {any[]} */ ...args) => {
      this.off(event, wrapper);
      handler.apply(this, args);
    };
    return this.on(event, Object.assign(wrapper, { only: handler }));
  }

  /** @param {string} [event] all without one @param {Function} [handler] all of the event without one */
  off(event, handler) {
    if (event === undefined) this.handlers.clear();
    else if (handler === undefined) this.handlers.delete(event);
    else {
      const others = this.listeners(event).filter((other) => other !== handler && other.only !== handler);
      this.handlers.set(event, others);
    }
    return this;
  }

  /** @param {string} event @returns {Handler[]} */
  listeners(event) {
    return this.handlers.get(event) ?? [];
  }

  /** @param {string} event */
  hasListeners(event) {
    return this.listeners(event).length > 0;
  }

  /** Call the handlers of an event. @param {string} event @param {any[]} args */
  emitReserved(event, ...args) {
    for (const handler of this.listeners(event)) handler.apply(this, args);
    return this;
  }

  /** @param {string} event @param {any[]} args */
  emit(event, ...args) {
    return this.emitReserved(event, ...args);
  }

  /** @param {string} event @param {Function} handler */
  addEventListener(event, handler) {
    return this.on(event, handler);
  }

  /** @param {string} [event] @param {Function} [handler] */
  removeEventListener(event, handler) {
    return this.off(event, handler);
  }

  /** @param {string} [event] @param {Function} [handler] */
  removeListener(event, handler) {
    return this.off(event, handler);
  }

  /** @param {string} [event] */
  removeAllListeners(event) {
    return this.off(event);
  }
}
