// The answer in one line at the edge of a small screen, while its panel is out of sight.

import { writeAttribute, writeText } from "../attributes.js";
import { element, fill } from "../elements.js";
import { percent } from "../numbers.js";
import { Panel } from "../panel.js";
import { shownWhatIf } from "../scales.js";
import { levelOf } from "../typicality.js";

class AnswerLine extends Panel {
  static follows = ["answer", "whatIf", "scales"];

  #hasAnswer = false;
  #isInSight = false; // the panel's answer

  build() {
    this.label = element("strong");
    this.rest = element("span");
    this.level = element("span", { class: "level" });
    this.after = element("span", { class: "after" });
    const link = element("a", { href: "#view=try", onclick: (event) => this.#goToAnswer(event) },
      element("span", { class: "unseen" }, "The answer: "), this.label, " ", this.rest, " ", this.level, " ",
      this.after);
    fill(this, link);
    this.#observe();
  }

  render(state) {
    const { answer } = state;
    this.#hasAnswer = answer !== null;
    this.#toggle();
    if (answer === null) return;
    const whatIf = shownWhatIf(state);
    const { name } = levelOf(answer.typicality.combined);
    writeText(this.label, answer.label);
    writeText(this.rest, percent(answer.probability));
    writeText(this.level, name);
    writeAttribute(this.level, "data-level", name);
    writeText(this.after, whatIf === null ? "" : `→ ${whatIf.label}`);
  }

  #toggle() {
    this.hidden = !this.#hasAnswer || this.#isInSight;
  }

  get #panel() {
    return this.parentNode.querySelector("answer-panel");
  }

  #observe() {
    const observer = new IntersectionObserver((entries) => {
      this.#isInSight = entries.at(-1).isIntersecting;
      this.#toggle();
    });
    observer.observe(this.#panel.querySelector(".outcomes"));
    this.signal.addEventListener("abort", () => observer.disconnect());
  }

  /** The address holds the state, so the link cannot name the panel. */
  #goToAnswer(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const heading = this.#panel.querySelector("h2");
    heading.setAttribute("tabindex", "-1");
    heading.focus({ preventScroll: true });
    this.#panel.scrollIntoView();
  }
}

customElements.define("answer-line", AnswerLine);
