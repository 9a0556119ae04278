// Sentences about layers and answers.

import { openness, percent } from "../numbers.js";
import { levelOf, rowsAsUnusual, rowsOf } from "../typicality.js";
import { aLabel, capital, listOf, theLabel } from "../words.js";
import { distinctDigits } from "./gauge.js";

/** A layer's state by its factor: "open", "closed" or "scaled by 0.5". */
export function factorWords(factor) {
  if (factor === 1) return "open";
  return factor === 0 ? "closed" : `scaled by ${factor}`;
}

/** A layer's openness, and its usual range: "openness 0.64, usual for a 7: 0.63 to 0.65". */
function opennessWords({ gate, low, high }, label) {
  if (low === null) return `openness ${openness(gate)}`;
  const [shown, from, to] = distinctDigits([gate, low, high]);
  return `openness ${shown}, usual for ${aLabel(label)}: ${from} to ${to}`;
}

/** A layer's deviation: "above the middle 80 %", "below the middle 80 %, unusual", "a rare pattern of its units". */
function deviationWords({ kind, strong }) {
  if (kind === "usual") return "";
  if (kind === "unusual") return "a rare pattern of its units";
  return strong ? `${kind} the middle 80 %, unusual` : `${kind} the middle 80 %`;
}

/** The same in sentences. Outside the middle 80 % are 20 % of all rows: that alone is no alarm. */
function deviationSentences({ deviation: { kind, strong }, typicality }, rows) {
  const usual = `Its gates are ${rowsAsUnusual(typicality, rows)}.`;
  const rare = `${capital(levelOf(typicality).name)}: ${rowsAsUnusual(typicality, rows)} in this layer.`;
  const how = levelOf(typicality).name === "usual" ? usual : rare;
  if (kind === "usual") return how;
  if (kind === "unusual") return `Its average openness is usual, but the pattern of its units is rare. ${how}`;
  const quiet = strong ? "" : ", which is no alarm by itself";
  return `That is ${kind} the middle 80 % of ${rows} with this label${quiet}. ${how}`;
}

/** The accessible name of a layer. */
export function layerName(fact, label) {
  const facts = fact.gate === null ? [] : [opennessWords(fact, label), deviationWords(fact.deviation)];
  if (fact.whatIfGate !== null) facts.push(`openness in the what-if ${openness(fact.whatIfGate)}`);
  if (fact.decides) facts.push("decides the label");
  else if (fact.inSet) facts.push("decides the label together with others");
  return [fact.layer.name, ...facts.filter(Boolean), factorWords(fact.factor)].join(", ");
}

/** All that is known of a layer, in sentences. `rows` are the held-out "rows" or "pictures". */
export function layerReadout(fact, label, rows = "rows") {
  const { gate, low, factor } = fact;
  if (gate === null) return `${fact.layer.kind} layer with ${fact.layer.width} gates, ${factorWords(factor)}.`;
  const sentences = [`${capital(opennessWords(fact, label))}.`];
  if (low !== null) sentences.push(deviationSentences(fact, rows));
  if (fact.decides) sentences.push("Closing it alone changes the label.");
  else if (fact.inSet) sentences.push("Closing it together with other marked layers changes the label.");
  sentences.push(whatIfSentence(fact));
  return sentences.filter(Boolean).join(" ");
}

function whatIfSentence({ whatIfGate, factor }) {
  if (whatIfGate === null) return factor === 1 ? "" : `${capital(factorWords(factor))}.`;
  const gate = openness(whatIfGate);
  if (factor === 1) return `Its openness in the what-if: ${gate}.`;
  if (factor === 0) return `Closed; its gates would be ${gate} open.`;
  const used = whatIfGate * factor;
  const capped = used > 1 ? " That is more than the whole stream, where the picture ends." : "";
  return `In the what-if: ${gate} × ${factor} = ${openness(used)}.${capped}`;
}

/** How typical an answer is, in one sentence. */
export function typicalityWords({ combined }, model) {
  return { level: levelOf(combined).name, sentence: `${rowsAsUnusual(combined, rowsOf(model))}.` };
}

/** What of the layers stays as the reader set it: "Still closed: highway 1." */
export function stillChanged(scales) {
  const names = Object.keys(scales);
  if (names.length === 0) return "";
  const closed = names.every((name) => scales[name] === 0);
  return `Still ${closed ? "closed" : "changed"}: ${listOf(names)}.`;
}

/** What the scales change: "With highway 1 closed", "With 3 layers closed", "With 2 layers changed". */
export function changeTitle(scales) {
  const names = Object.keys(scales);
  if (names.length === 1) return `With ${names[0]} ${factorWords(scales[names[0]])}`;
  const closed = names.every((name) => scales[name] === 0);
  return `With ${names.length} layers ${closed ? "closed" : "changed"}`;
}

/** What a what-if does to the label, in one sentence. */
export function consequence(answer, whatIf, labels) {
  const [label, changed] = [answer, whatIf].map((prediction) => theLabel(prediction.label));
  if (answer.label !== whatIf.label) return `The label changes from ${label} to ${changed}.`;
  const index = labels.indexOf(answer.label);
  const [before, after] = [answer, whatIf].map(({ probabilities }) => percent(probabilities[index]));
  if (before === after) return `The label stays ${label}, at ${before}.`;
  return `The label stays ${label}: ${before} becomes ${after}.`;
}

/** A percentage as it is spoken: "more than 99.99 percent". */
function spokenPercent(probability) {
  return percent(probability).replace("> ", "more than ").replace("< ", "less than ").replace(" %", " percent");
}

/** What a screen reader says of a result, once. */
export function announcement({ answer, whatIf, labels }) {
  if (whatIf === null) {
    const level = capital(levelOf(answer.typicality.combined).name);
    return `${answer.label}, ${spokenPercent(answer.probability)}. ${level}.`;
  }
  const result = `${whatIf.label}, ${spokenPercent(whatIf.probability)}`;
  const change = consequence(answer, whatIf, labels).replaceAll(" %", " percent");
  return `${changeTitle(whatIf.scales)}: ${result}. ${change}`;
}
