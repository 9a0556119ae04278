// Tables of the traffic view: the counters since the server started, and all intervals.

import { element } from "../elements.js";
import { dataTable, scrollBox } from "../tables.js";
import { localTime } from "./times.js";
import { mostFrequent, requestsOf } from "./traffic-numbers.js";

const MANY = 20; // rows of a table that scrolls
const MOST = 200; // labels of a table

/** @param {import("./traffic-numbers.js").Counters} counters */
export function totals(counters) {
  const main = {
    requests: requestsOf(counters),
    "of these answered": counters.requests.success ?? 0,
    rows: counters.rows,
    "unusual rows": counters.atypical,
  };
  const named = Object.entries(counters.refused).map(([reason, count]) => [reason.replaceAll("_", " "), count]);
  return element(
    "section",
    { class: "card" },
    element("h2", {}, "Since the server started"),
    element(
      "div",
      { class: "totals" },
      countTable("Requests and rows", "Counter", main),
      countTable("Refused requests", "Reason", Object.fromEntries(named)),
      countTable("Predicted labels", "Label", counters.predictions),
    ),
  );
}

function countTable(caption, name, counts) {
  const rows = mostFrequent(counts, MOST);
  const table = dataTable(caption, [name, "Number"], rows, { hidden: ["head"] });
  return rows.length <= MANY ? table : scrollBox(caption, table);
}

const COLUMNS = {
  "Requests/s": ({ requests }) => requests,
  "Rows/s": ({ rows }) => rows,
  "Refused/s": ({ refused }) => Object.values(refused).reduce((total, each) => total + each, 0),
  "p50, s": ({ p50 }) => p50,
  "p95, s": ({ p95 }) => p95,
  "p99, s": ({ p99 }) => p99,
  "Wait, s": ({ wait }) => wait,
  Pending: ({ pending }) => pending,
  "Memory, bytes": ({ memory }) => memory,
};

/** @param {Object[]} intervals as `interval` returns them; the newest becomes the first row */
export function intervalTable(intervals) {
  const rows = intervals.map((each) => [
    `${localTime(each.time)}${each.restarted ? " (restarted)" : ""}`,
    ...Object.values(COLUMNS).map((value) => rounded(value(each))),
  ]);
  return dataTable("Intervals, newest first", ["Until", ...Object.keys(COLUMNS)], rows.reverse());
}

function rounded(value) {
  return value === null ? null : Number(value.toPrecision(6));
}
