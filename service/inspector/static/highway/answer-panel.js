// The label, its probability and its typicality; with a what-if, as it is and as it would be.

import { writeAttribute, writeText } from "../attributes.js";
import { element, fill } from "../elements.js";
import { percent } from "../numbers.js";
import { Panel } from "../panel.js";
import { shownWhatIf } from "../scales.js";
import { digits, NumberTable } from "../tables.js";
import { rankText, rowsOf } from "../typicality.js";
import { capital } from "../words.js";
import { ProbabilityBars } from "./probability-bars.js";
import { ResultAnnouncement } from "./result-announcement.js";
import { changeTitle, consequence, stillChanged, typicalityWords } from "./words.js";

const JUDGES = ["combined", "gates", "confidence"];

class AnswerPanel extends Panel {
  static follows = ["model", "answer", "whatIf", "scales"];

  #result = new ResultAnnouncement();

  build() {
    this.still = element("span");
    this.invitation = element("p", { class: "invitation" },
      "The model's answer appears here as soon as there is an input: draw one, or choose an example. ", this.still);
    this.before = outcome("before");
    this.after = outcome("after");
    this.change = element("p", { class: "consequence" });
    this.level = element("strong");
    this.sentence = element("span");
    this.judges = element("p", { class: "muted judges" });
    this.bars = new ProbabilityBars();
    const number = (title) => ({ title, number: true });
    this.labels = new NumberTable("Numbers of all labels", [
      { title: "Label" }, number("Probability"), number("Probability in the what-if"),
    ]);
    this.typicality = new NumberTable("Numbers of the typicality", [
      { title: "Judged by" }, number("Typicality"), number("Typicality in the what-if"),
    ]);
    const typicality = element("p", { class: "typicality" }, this.level, " ", this.sentence);
    const why = element("a", { href: "#view=try", onclick: (event) => this.#explain(event) },
      "Which layers decide this label?");
    const words = element("div", { class: "words" },
      element("div", { class: "outcomes" }, this.before.node, this.after.node),
      this.change, typicality, this.judges, element("p", {}, why));
    this.result = element("div", { class: "result" }, words, this.bars.node);
    this.tables = element("div", { class: "tables" }, this.labels.node, this.typicality.node);
    fill(this, element("h2", {}, "The answer"), this.invitation, this.result, this.tables);
    this.signal.addEventListener("abort", () => this.#result.stop());
  }

  render(state) {
    const { model, answer, scales } = state;
    const whatIf = shownWhatIf(state);
    this.invitation.hidden = answer !== null;
    this.result.hidden = this.tables.hidden = answer === null;
    this.#result.show({ model, answer, whatIf, scales });
    writeText(this.still, stillChanged(scales));
    if (answer === null) return;
    this.#showOutcomes(model, answer, whatIf);
    this.#showTypicality(answer.typicality, model);
    this.bars.show(model.labels, answer.probabilities, whatIf?.probabilities ?? null);
    this.labels.show(() => model.labels.map((label, index) =>
      [label, digits(answer.probabilities[index]), digits(whatIf?.probabilities[index])]));
    this.typicality.show(() => JUDGES.map((judge) =>
      [capital(judge), digits(answer.typicality[judge]), digits(whatIf?.typicality[judge])]));
  }

  /** Press the button of the same name, which is far below. */
  #explain(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const panel = this.closest("try-view").querySelector("explanation-panel");
    const button = panel.querySelector("button.primary");
    if (button === null) return; // it is being loaded
    button.focus({ preventScroll: true });
    button.click();
    panel.scrollIntoView();
  }

  #showOutcomes(model, answer, whatIf) {
    writeText(this.before.title, whatIf === null ? "This looks like" : "As it is");
    this.before.show(answer);
    this.after.node.hidden = whatIf === null;
    if (whatIf === null) {
      writeText(this.change, ""); // its line stays: nothing moves below the pointer
      return;
    }
    writeText(this.after.title, changeTitle(whatIf.scales));
    this.after.show(whatIf);
    writeText(this.change, consequence(answer, whatIf, model.labels));
  }

  #showTypicality(typicality, model) {
    const { level, sentence } = typicalityWords(typicality, model);
    writeText(this.level, `${capital(level)}:`);
    writeAttribute(this.level, "data-level", level);
    writeText(this.sentence, sentence);
    writeText(this.judges, `Judged by its gates alone: ${rankText(typicality.gates)}. By the model's confidence ` +
      `alone: ${rankText(typicality.confidence)}. Held-out ${rowsOf(model)} are examples that were kept ` +
      "out of the training.");
  }
}

/** A label and its probability, large. */
function outcome(name) {
  const title = element("span", { class: "title" });
  const label = element("span", { class: "label" });
  const probability = element("span", { class: "probability" });
  return {
    node: element("p", { class: `outcome ${name}` }, title, label, probability),
    title,
    show(answer) {
      writeText(label, answer.label);
      writeAttribute(label, "title", answer.label);
      writeAttribute(label, "data-long", answer.label.length > 6 ? "" : null);
      writeText(probability, percent(answer.probability));
    },
  };
}

customElements.define("answer-panel", AnswerPanel);
