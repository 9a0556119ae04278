// The numbers of the traffic view: one model's counters at a time, and what changed between two.

import { parseNumber } from "./metrics-text.js";

/** The metric with a counter for each label. */
export const PREDICTIONS = "highway_predictions_total";

const MEMORY = "process_resident_memory_bytes";
const USED = new Set([
  PREDICTIONS,
  MEMORY,
  "highway_atypical_rows_total",
  "highway_inference_requests_total",
  "highway_inference_rows_total",
  "highway_pending_requests",
  "highway_queue_wait_seconds",
  "highway_rejected_total",
  "highway_request_seconds_bucket",
]);

/**
 * @typedef {Object} Counters of one model since the server started
 * @property {number} time ms since 1970
 * @property {Object<string, number>} requests by outcome
 * @property {Object<string, number>} refused by reason
 * @property {Object<string, number>} predictions by label
 * @property {number} rows
 * @property {number} atypical rows whose typicality is at most 0.01
 * @property {{bound: number, count: number}[]} latency cumulative buckets, bounds in seconds
 * @property {number|null} wait seconds, estimated, of the last row in the queue
 * @property {number|null} pending requests in the queue or in a batch
 * @property {number|null} memory bytes of the worker that responded
 */

/** Whether the view shows a metric. */
export function isUsed(name) {
  return USED.has(name);
}

/**
 * @param {import("./metrics-text.js").parseMetrics} samples
 * @param {{name: string, version: string}} model
 * @returns {Counters|null} null if the server has no metrics of the model
 */
export function countersOf(samples, model, time) {
  const own = samples.filter(({ labels }) => labels.model === model.name && labels.version === model.version);
  const all = (name) => own.filter((sample) => sample.name === `highway_${name}`);
  const one = (name) => all(name)[0]?.value ?? null;
  const by = (name, label) => Object.fromEntries(all(name).map(({ labels, value }) => [labels[label], value]));
  const buckets = all("request_seconds_bucket").map(({ labels, value }) => ({
    bound: parseNumber(labels.le),
    count: value,
  }));
  if (one("inference_rows_total") === null) return null;
  return {
    time,
    requests: by("inference_requests_total", "outcome"),
    refused: by("rejected_total", "reason"),
    predictions: by("predictions_total", "class"),
    rows: one("inference_rows_total"),
    atypical: one("atypical_rows_total") ?? 0,
    latency: buckets.sort((first, second) => first.bound - second.bound),
    wait: one("queue_wait_seconds"),
    pending: one("pending_requests"),
    memory: samples.find(({ name }) => name === MEMORY)?.value ?? null,
  };
}

/** The most frequent names with their counts; the rest is one sum, named after its number of names. */
export function mostFrequent(counts, most) {
  const entries = Object.entries(counts);
  if (entries.length <= most) return entries;
  const sorted = entries.sort(([, first], [, second]) => second - first);
  const rest = sorted.slice(most).reduce((total, [, count]) => total + count, 0);
  return [...sorted.slice(0, most), [`${(entries.length - most).toLocaleString("en")} more`, rest]];
}

/** Requests of all outcomes. */
export function requestsOf({ requests }) {
  return Object.values(requests).reduce((total, number) => total + number, 0);
}

/** Whether the counters began anew between two, as after a restart of the server. */
export function restarted(before, after) {
  return after.rows < before.rows || requestsOf(after) < requestsOf(before);
}

/**
 * What happened between two counters.
 *
 * @param {Counters} before
 * @param {Counters} after after a restart, all that it counts happened in between
 * @returns {{time: number, restarted: boolean, requests: number, rows: number, refused: Object<string, number>,
 *   p50: number|null, p95: number|null, p99: number|null, wait: number, pending: number, memory: number}}
 *   rates per second, latencies in seconds
 */
export function interval(before, after) {
  const anew = restarted(before, after);
  const seconds = (after.time - before.time) / 1000;
  const since = (value, earlier) => (anew ? value : value - (earlier ?? 0));
  const rate = (value, earlier) => since(value, earlier) / seconds;
  const buckets = after.latency.map(({ bound, count }, index) => ({
    bound,
    count: since(count, before.latency[index]?.count),
  }));
  return {
    time: after.time,
    restarted: anew,
    requests: rate(requestsOf(after), requestsOf(before)),
    rows: rate(after.rows, before.rows),
    refused: Object.fromEntries(
      Object.entries(after.refused).map(([reason, count]) => [reason, rate(count, before.refused[reason])]),
    ),
    p50: quantile(0.5, buckets),
    p95: quantile(0.95, buckets),
    p99: quantile(0.99, buckets),
    wait: after.wait,
    pending: after.pending,
    memory: after.memory,
  };
}

/**
 * A quantile from cumulative buckets, linear within its bucket, as Prometheus computes it.
 *
 * @param {{bound: number, count: number}[]} buckets by rising bound; the last is infinite
 * @returns {number|null} null without any count; the last finite bound for what is beyond it
 */
export function quantile(share, buckets) {
  const total = buckets.at(-1)?.count ?? 0;
  if (total <= 0) return null;
  const rank = share * total;
  const index = buckets.findIndex(({ count }) => count >= rank);
  const { bound, count } = buckets[index];
  const [low, below] = index === 0 ? [0, 0] : [buckets[index - 1].bound, buckets[index - 1].count];
  if (bound === Infinity) return low;
  return count === below ? bound : low + ((bound - low) * (rank - below)) / (count - below);
}
