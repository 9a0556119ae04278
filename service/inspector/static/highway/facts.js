// What the highway shows of each layer, computed from the state.

import { factorOf, shownWhatIf } from "../scales.js";
import { deviation } from "./gauge.js";

const VISIBLE = 0.02; // a smaller change of a stream is not outlined: it is less than a pixel

/**
 * @typedef {Object} LayerFact
 * @property {{name: string, kind: string, width: number, number: number}} layer
 * @property {number|null} gate mean transform gate of the input; null before an answer
 * @property {number|null} whatIfGate the same with the scales; null without
 * @property {number} factor of the layer's gates; 0 closes
 * @property {number} share of the stream that the road shows as transformed, 0 to 1
 * @property {number|null} originalShare the same without scales, where it visibly differs
 * @property {number|null} low lower end of the usual range of the answer's label
 * @property {number|null} high upper end
 * @property {number|null} typicality p-value of the layer's gates
 * @property {{kind: string, strong: boolean}} deviation from what is usual
 * @property {boolean} decides whether the label changes with this layer closed alone
 * @property {boolean} inSet whether the layer is one of a set that changes the label together
 */

/** @returns {LayerFact[]} */
export function layerFacts({ model, answer, whatIf, scales, explanation }) {
  const shown = shownWhatIf({ scales, whatIf });
  const current = explanation?.instance === answer?.instance ? explanation : null; // not of an earlier input
  const decisive = new Set(current?.decisive_layers);
  const closed = new Set(current?.counterfactual?.closed_layers);
  const typical = answer === null ? usualGates(model) : null;
  return model.layers.map((layer, index) => {
    const gate = answer?.gates[index] ?? null;
    const whatIfGate = shown?.gates[index] ?? null;
    const factor = factorOf(scales, layer.name);
    const low = answer?.usual?.low[index] ?? null;
    const high = answer?.usual?.high[index] ?? null;
    const share = Math.min(1, (whatIfGate ?? gate ?? typical[index]) * factor);
    const typicality = answer?.layerTypicality[index] ?? null;
    return {
      layer, gate, whatIfGate, factor, low, high, typicality,
      share,
      originalShare: gate !== null && Math.abs(share - gate) > VISIBLE ? gate : null,
      deviation: gate === null ? { kind: "usual", strong: false } : deviation(gate, low, high, typicality),
      decides: decisive.has(layer.name),
      inSet: closed.has(layer.name),
    };
  });
}

/** Gates of an input that is usual for any label, for the road before there is an answer. */
function usualGates({ layers, usualGates: byLabel }) {
  const ranges = Object.values(byLabel ?? {}).filter((range) => range !== null);
  return layers.map((_, index) => {
    const middles = ranges.map(({ low, high }) => (low[index] + high[index]) / 2);
    return middles.length ? middles.reduce((sum, middle) => sum + middle) / middles.length : 0.5;
  });
}
