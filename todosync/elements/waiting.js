// @ts-check
/**
 * Says how many changes of a person wait, and, when it is pressed, which: each can be dropped. The browser has all of it,
 * so it works without a connection.
 */

import { h } from "vue";

/** @returns {any} */
const writes = () => /** @type {any} */ (window).todosync.writes;

export default {
  props: { one: String, other: String, words: Object },
  data: () => ({ isOpen: false, asked: 0, sent: 0, told: "" }),
  computed: {
    count: () => writes()?.view.waiting ?? 0,
    /** @this {any} @returns {{ sequence: number, text: string }[]} */
    listed() {
      return this.isOpen ? writes().waiting(this.words) : [];
    },
  },
  methods: {
    /** @this {any} */
    open() {
      Object.assign(this, { isOpen: true, asked: 0, sent: 0, told: "" });
      this.$nextTick(() => this.$refs.dialog.showModal());
    },
    /** @this {any} */
    close() {
      this.$refs.dialog.close();
    },
    /**
     * Drop a change; if others depend on it, ask first. @this {any} @param {number} sequence @param {string} text
     * @param {number} index its place in the list
     */
    async drop(sequence, text, index) {
      const others = writes().droppedWith(sequence).length - 1;
      if (others > 0 && this.asked !== sequence) {
        this.asked = sequence;
        this.$nextTick(() => this.focus(index));
        return;
      }
      const isDropped = await writes().drop(sequence);
      this.asked = 0;
      if (isDropped) this.told = `Dropped: ${text}`;
      else this.sent = sequence;
      this.$nextTick(() => this.focus(index));
    },
    /** The button that was pressed may be gone: the focus stays in the list. @this {any} @param {number} index */
    focus(index) {
      const buttons = this.$refs.dialog.querySelectorAll("[data-drop]");
      (buttons[Math.min(index, buttons.length - 1)] ?? this.$refs.close).focus();
    },
    /** @this {any} @param {number} sequence @param {string} text @param {number} index its place in the list */
    renderChange(sequence, text, index) {
      const others = this.asked === sequence ? writes().droppedWith(sequence).length - 1 : 0;
      const also =
        others === 1 ? "1 later change of it is dropped, too." : `${others} later changes of it are dropped, too.`;
      const drop = {
        type: "button",
        "data-drop": "",
        "aria-label": others > 0 ? undefined : `Drop: ${text}`,
        onClick: () => this.drop(sequence, text, index),
      };
      return h("li", { key: sequence }, [
        h("span", { class: "todosync-waiting-text", dir: "auto" }, text),
        others > 0 ? h("span", { class: "todosync-waiting-note", role: "alert" }, also) : null,
        this.sent === sequence
          ? h(
              "span",
              { class: "todosync-waiting-note", role: "alert" },
              "It is being saved, so it cannot be dropped now.",
            )
          : null,
        h("span", { class: "todosync-waiting-actions" }, [
          h("button", drop, others > 0 ? `Drop all ${others + 1}` : "Drop"),
          others > 0 ? h("button", { type: "button", onClick: () => (this.asked = 0) }, "Keep") : null,
        ]),
      ]);
    },
    /** @this {any} */
    renderDialog() {
      const { listed } = this;
      return h(
        "dialog",
        {
          ref: "dialog",
          class: "todosync-waiting-dialog",
          style: "padding: 0; width: min(32rem, calc(100vw - 2rem)); max-height: calc(100dvh - 2rem)",
          "aria-labelledby": `${this.$attrs.id}-heading`,
          onClose: () => (this.isOpen = false),
          onClick: (/** @type {any} */ event) => event.target === this.$refs.dialog && this.close(),
        },
        h("div", { class: "todosync-waiting-panel", style: "padding: 1rem" }, [
          h("div", { class: "todosync-waiting-head" }, [
            h("h2", { id: `${this.$attrs.id}-heading` }, "Waiting changes"),
            h("button", { ref: "close", type: "button", onClick: this.close }, "Close"),
          ]),
          h("p", listed.length ? "They are saved as soon as the server can be reached." : "All changes are saved."),
          h(
            "ol",
            listed.map(
              (/** @type {{ sequence: number, text: string }} */ { sequence, text }, /** @type {number} */ index) =>
                this.renderChange(sequence, text, index),
            ),
          ),
          h("p", { class: "todosync-waiting-note", role: "status" }, this.told),
        ]),
      );
    },
  },
  /** @this {any} */
  render() {
    const { count } = this;
    const text = count ? (count === 1 ? this.one : this.other.replaceAll("{count}", count)) : "";
    return h("span", { class: "todosync-waiting" }, [
      h(
        "span",
        { role: "status" },
        count ? [h("button", { type: "button", "aria-haspopup": "dialog", onClick: this.open }, text)] : [],
      ),
      this.isOpen ? this.renderDialog() : null,
    ]);
  },
};
