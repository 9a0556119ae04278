// Labels, names, changes and messages in sentences.

import { points } from "./numbers.js";

export const LISTED = 5; // names, of more the first ones
const LONGEST_FOREIGN = 60; // characters of what a link names
const LONGEST = 32; // characters of a label in a sentence

/** A label as a noun: "a 7", "an 8", "“cat”". */
export function aLabel(label) {
  if (!/^\d$/.test(label)) return theLabel(label);
  return label === "8" ? "an 8" : `a ${label}`;
}

/** A label by itself, in quotes, so that a number is not read as that of a layer; a long one is cut. */
export function theLabel(label) {
  const shown = label.length > LONGEST ? `${label.slice(0, LONGEST - 1)}…` : label;
  return `“${shown}”`;
}

/** A text of a link in a sentence: cut, and its direction does not turn the rest of the sentence. */
export function foreignText(text) {
  const shown = text.length > LONGEST_FOREIGN ? `${text.slice(0, LONGEST_FOREIGN - 1)}…` : text;
  return `“\u2068${shown}\u2069”`;
}

/** "a", "a and b", "a, b and c"; of many the first ones and how many more. */
export function listOf(names, last = "and") {
  const rest = names.length - LISTED;
  const listed = rest > 1 ? [...names.slice(0, LISTED), `${rest} more`] : names;
  if (listed.length < 2) return listed.join("");
  return `${listed.slice(0, -1).join(", ")} ${last} ${listed.at(-1)}`;
}

/** A text as the beginning of a sentence. */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A sentence as the second part of another. */
export function uncapital(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** A message of the server as a sentence; it begins as it is where that is the name of a field. */
export function sentence(message) {
  const text = /^[a-z]+ /.test(message) ? capital(message) : message;
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** A change of a probability in points; of one too small for two decimals only the sign is exact. */
export function changeText(change) {
  if (change === 0) return "0 points";
  if (Math.abs(change) >= 0.00005) return points(change);
  return change < 0 ? "> −0.01 points" : "< +0.01 points";
}

/** A value of a column. */
export function valueText(value) {
  return value === null ? "missing" : String(value);
}
