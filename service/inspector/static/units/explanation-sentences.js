// What an explanation says, in sentences.

import { points } from "../numbers.js";
import { LISTED, capital, listOf, theLabel, valueText } from "../words.js";

const NOTHING = 0.0005; // a smaller change of the probability is none to a reader

/**
 * Which layers made the label, and what closing them does.
 *
 * @param {import("./explanations.js").Explanation} explanation
 * @returns {{answer: string, reason: string}}
 */
export function layerSentences({ prediction, layers, decisive_layers: decisive, counterfactual }) {
  const label = theLabel(prediction.label);
  if (decisive.length === 1) return oneDecides(layers, decisive[0]);
  if (decisive.length > 1) {
    const becomes = decisive.slice(0, LISTED).map((name, index) => (index === 0
      ? `Without ${name} it becomes ${theLabel(closedLabel(layers, name))}`
      : `without ${name}, ${theLabel(closedLabel(layers, name))}`));
    const isLong = decisive.length > LISTED + 1;
    const which = isLong ? `${decisive.length} of the ${layers.length} layers` : listOf(decisive);
    return { answer: `${capital(which)} are each needed for ${label}.`, reason: `${becomes.join("; ")}.` };
  }
  if (counterfactual === null) {
    return { answer: "No layer decides this answer.", reason: `Even with all layers closed the label stays ${label}.` };
  }
  return {
    answer: "Several layers together decide this answer.",
    reason: `No single layer decides; closing ${listOf(counterfactual.closed_layers)} together changes the label ` +
      `from ${label} to ${theLabel(counterfactual.label)}.`,
  };
}

/** Which patch matters most. @param {import("./explanations.js").ExplainedPatches} inputs */
export function patchSentence(inputs, strongest, place, label) {
  const { change, replacedLabel } = strongest;
  const [height, width] = inputs.patch;
  if (Math.abs(change) < NOTHING) {
    return `No part of ${height} × ${width} pixels matters alone: without any of them the probability changes ` +
      "by less than 0.05 percentage points.";
  }
  const where = `${height} × ${width} pixels ${place}`;
  const becomes = replacedLabel === label ? "" : `, and the label becomes ${theLabel(replacedLabel)}`;
  return `The part that matters most is ${where}. Without it, the probability of ${theLabel(label)} ` +
    `${risesOrFalls(change)}${becomes}.`;
}

/** Which columns matter. @param {import("./explanations.js").ExplainedColumns} inputs */
export function columnSentence({ columns, decisive_columns: decisive }, label) {
  if (decisive.length > 0) {
    const one = decisive.length === 1 ? "" : "one of ";
    return `Replacing ${one}${listOf(decisive, "or")} alone by a usual value changes the label.`;
  }
  const most = columns.reduce((found, column) =>
    Math.abs(column.probability_change) > Math.abs(found.probability_change) ? column : found);
  if (Math.abs(most.probability_change) < NOTHING) return "No column matters alone.";
  return `No column alone changes the label. The one that matters most is ${most.name}: with ` +
    `${valueText(most.replaced_by)} instead of ${valueText(most.value)}, the probability of ${theLabel(label)} ` +
    `${risesOrFalls(most.probability_change)}.`;
}

/** The change of a few columns that changes the label. */
export function changeSentence(counterfactual) {
  if (counterfactual === null) return "No change of a few columns was found that changes the label.";
  const changes = counterfactual.changes.map(({ name, value, changed_to: changed }) =>
    `${name} ${valueText(changed)} instead of ${valueText(value)}`);
  return `With ${listOf(changes)} it would be ${theLabel(counterfactual.label)}.`;
}

function oneDecides(layers, name) {
  return {
    answer: `Layer ${name} decides this answer: without it the label is ${theLabel(closedLabel(layers, name))}.`,
    reason: layers.length > 1 ? "Closing any other layer alone does not change the label." : "",
  };
}

function closedLabel(layers, name) {
  return layers.find((layer) => layer.name === name).closed.label;
}

function risesOrFalls(change) {
  const size = points(Math.abs(change)).slice(1).replace("points", "percentage points");
  return `${change < 0 ? "falls" : "rises"} by ${size}`;
}
