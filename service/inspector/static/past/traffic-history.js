// The samples of /metrics since the page was opened; they outlive the traffic view.

import { PREDICTIONS } from "./traffic-numbers.js";

const KEPT_MS = 3_600_000;

const samples = []; // {time, samples}, rising times

/**
 * Keep the samples of `time`, and forget those of more than an hour before. The counts of labels, which
 * may be 10,000, are kept of the newest only.
 */
export function keepSamples(time, parsed) {
  const before = samples.at(-1);
  if (before) before.samples = before.samples.filter(({ name }) => name !== PREDICTIONS);
  samples.push({ time, samples: parsed });
  while (time - samples[0].time > KEPT_MS) samples.shift();
}

/** @returns {{time: number, samples: Object[]}[]} */
export function keptSamples() {
  return samples;
}
