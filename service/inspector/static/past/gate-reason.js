// Why a recorded row is unusual, in a sentence.

import { levelOf } from "../typicality.js";
import { aLabel, capital, listOf } from "../words.js";
import { sideOf } from "./gauge.js";

const NO_LAYER = "no single layer stands out, but the pattern of the gates is rare";
const RARE = 0.05; // p-value of a layer's gates or of the probability

/**
 * @param {Object} row a row of the ledger
 * @param {string[]} layers names in the order of the other lists
 * @param {{low: number[], high: number[]}} usual ranges for the row's label
 * @param {number[]|null} pValues of the layers; null if they are not known
 * @returns {string|null} null if the row is usual, or nothing is known
 */
export function gateReason(row, layers, usual, pValues) {
  const level = row.typicality && levelOf(row.typicality.combined).name;
  if (!level || level === "usual") return null;
  const on = (side) => layers.filter((name, index) => isOn(side, name, index));
  const isOn = (side, name, index) =>
    sideOf(row.gate_mean[name], { low: usual.low[index], high: usual.high[index] }) === side &&
    (pValues === null || pValues[index] <= RARE);
  const parts = [
    part(on("below"), "less"),
    part(on("above"), "more"),
    row.typicality.confidence <= RARE ? "the probability is lower than for most" : null,
  ].filter(Boolean);
  const reason = parts.length > 0 ? parts.join("; ") : NO_LAYER;
  return `${capital(level)} for ${aLabel(row.label)}: ${reason}.`;
}

function part(names, word) {
  if (names.length === 0) return null;
  return `${listOf(names)} ${names.length === 1 ? "was" : "were"} ${word} open than for most`;
}
