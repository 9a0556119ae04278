// What the server says of its models: their state, and one model's counters.

import { element } from "../elements.js";
import { card } from "./cards.js";
import { objectTable } from "./generic-values.js";
import { fullTime } from "./times.js";

const PHASES = {
  success: "answered requests",
  fail: "failed requests",
  queue: "wait in the queue",
  compute_input: "reading rows",
  compute_infer: "computing",
  compute_output: "writing responses",
};

/** @param {{name: string, version: string, state: string, reason: string}[]} index of the repository */
export function repositoryCard(index) {
  const lines = index.map(({ name, version, state, reason }) => ({
    model: name,
    version,
    state: state === "READY" ? "ready" : element("span", { class: "refused" }, "▲ not served"),
    reason: reason || "–",
  }));
  return card(
    "Models of this server",
    lines.length > 0 ? objectTable(lines, "Models of this server") : element("p", {}, "The server lists no model."),
  );
}

/** @param {Object} statistics an entry of `model_stats` */
export function statisticsCard(statistics) {
  const {
    inference_count: rows,
    execution_count: batches,
    inference_stats: phases,
    last_inference: last,
  } = statistics;
  const lines = Object.entries(PHASES)
    .filter(([name]) => phases?.[name])
    .map(([name, phase]) => ({ phase, count: phases[name].count, "ms each": each(phases[name]) }));
  const when = last > 0 ? ` The last request was at ${fullTime(last)}.` : "";
  return card(
    "Since the server started",
    element("p", {}, `${rows.toLocaleString("en")} rows in ${batches.toLocaleString("en")} batches.${when}`),
    objectTable(lines, "Phases of the requests"),
  );
}

function each({ count, ns }) {
  return count === 0 ? "–" : Number((ns / count / 1e6).toPrecision(3));
}
