// Traffic and latency, from the numbers of /metrics.

import { announce } from "../announcement.js";
import { send } from "../api.js";
import { element, fill } from "../elements.js";
import { mebibytes, rate, seconds } from "../numbers.js";
import { Panel } from "../panel.js";
import { store } from "../store.js";
import { scrollBox } from "../tables.js";
import { updateContent } from "./content.js";
import { parseMetrics } from "./metrics-text.js";
import { problem } from "./problem.js";
import { TimeChart } from "./time-chart.js";
import { localTime } from "./times.js";
import { keepSamples, keptSamples } from "./traffic-history.js";
import { countersOf, interval, isUsed } from "./traffic-numbers.js";
import { intervalTable, totals } from "./traffic-tables.js";
import { whileVisible } from "./visible-timer.js";

const POLL_MS = 5000;
const MEBIBYTE = 2 ** 20;
const REFUSALS = "Refused requests per second";

const CHARTS = [
  [
    "Requests and rows per second",
    rate,
    [series("requests", ({ requests }) => requests), series("rows", ({ rows }) => rows)],
  ],
  ["Latency (within buckets)", seconds, ["p50", "p95", "p99"].map((name) => series(name, (each) => each[name]))],
  [REFUSALS, rate, []],
  ["Wait in the queue", seconds, [series("estimated wait", ({ wait }) => wait)]],
  ["Pending requests", rate, [series("in the queue or in a batch", ({ pending }) => pending)]],
  [
    "Memory of the worker that answered", // with several workers, each sample is of any of them
    mebibytes,
    [series("resident", ({ memory }) => memory && memory / MEBIBYTE)],
  ],
];

const INTRODUCTION =
  "What the server does, measured every 5 seconds while this view is visible, and kept for an hour. " +
  "p95 is the time within which 95 % of requests were answered, within the buckets of the server's histogram. " +
  "The rows include those tried on this page and explanations, which are no requests.";

class TrafficView extends Panel {
  static follows = ["model"];

  #charts;
  #content;
  #failure = element("div", { class: "failure" });
  #missing = element("p", { class: "card", hidden: true }, "The server has no counters of this model.");
  #quiet = element("p", { class: "quiet muted" });
  #moment;
  #clock = element("output", { for: "moment" });
  #totals = element("div");
  #table = scrollBox("All intervals");
  #details;
  #intervals = [];
  #chosen = null; // index of the interval that the reader looks at; null for the newest

  build() {
    this.#charts = CHARTS.map(([title, format, lines]) => ({
      title,
      chart: new TimeChart({ title, series: lines, format, choose: (index) => this.#choose(index) }),
    }));
    this.#details = element(
      "details",
      { class: "card", ontoggle: () => this.#showTable() },
      element("summary", {}, "All intervals as a table"),
      this.#table,
    );
    this.#content = element(
      "div",
      { class: "view-content" },
      this.#slider(),
      element("div", { class: "charts" }, ...this.#charts.map(({ chart }) => chart.node)),
      this.#details,
      this.#totals,
    );
    const measure = element("button", { type: "button", onclick: () => this.#measure(true) }, "Measure now");
    fill(
      this,
      element("header", {}, element("h1", {}, "Traffic"), measure),
      element("p", {}, INTRODUCTION),
      this.#failure,
      this.#missing,
      this.#content,
    );
    this.#followWidth();
    whileVisible(() => this.#measure(false), POLL_MS, this.signal);
  }

  #slider() {
    const choose = () => this.#choose(Number(this.#moment.value));
    this.#moment = element("input", { id: "moment", type: "range", min: 0, max: 0, value: 0, oninput: choose });
    return element(
      "div",
      { class: "card moment" },
      element("label", { for: "moment" }, "Moment"),
      this.#moment,
      this.#clock,
      this.#quiet,
    );
  }

  #followWidth() {
    const observer = new ResizeObserver(() => this.#charts.forEach(({ chart }) => chart.fit()));
    observer.observe(this);
    this.signal.addEventListener("abort", () => observer.disconnect());
  }

  render({ model }) {
    if (model !== null) this.#show(model);
  }

  async #measure(isChosen) {
    this.setAttribute("aria-busy", "true");
    try {
      const text = await send("metrics", { signal: this.signal, text: true });
      keepSamples(Date.now(), parseMetrics(text, isUsed));
      fill(this.#failure);
      if (store.state.model !== null) this.#show(store.state.model);
      if (isChosen) announce("Measured");
    } catch (error) {
      if (this.signal.aborted) return;
      updateContent(this.#failure, problem(error, () => this.#measure(true)));
    }
    this.setAttribute("aria-busy", "false");
  }

  #show(model) {
    const counters = keptSamples()
      .map(({ time, samples }) => countersOf(samples, model, time))
      .filter(Boolean);
    this.#content.hidden = counters.length === 0;
    this.#missing.hidden = counters.length > 0 || keptSamples().length === 0;
    if (counters.length === 0) return;
    this.#intervals = counters.slice(1).map((after, index) => interval(counters[index], after));
    this.#draw();
    updateContent(this.#totals, totals(counters.at(-1)));
    this.#showTable();
  }

  #choose(index) {
    this.#chosen = index === this.#intervals.length - 1 ? null : index;
    this.#draw();
  }

  #draw() {
    const last = Math.max(0, this.#intervals.length - 1);
    const shown = Math.min(this.#chosen ?? last, last);
    for (const { title, chart } of this.#charts) {
      chart.update(this.#intervals, shown, title === REFUSALS ? refusals(this.#intervals) : undefined);
    }
    this.#moment.max = last;
    this.#moment.value = shown;
    this.#moment.disabled = this.#intervals.length < 2;
    const time = this.#intervals[shown]?.time;
    const text = time === undefined ? "The first interval ends in 5 seconds" : localTime(time);
    const note = this.#intervals[shown]?.restarted ? ", the server was restarted" : "";
    this.#moment.setAttribute("aria-valuetext", text + note);
    fill(this.#clock, text + note);
    const isQuiet = this.#intervals.at(-1)?.requests === 0;
    fill(this.#quiet, isQuiet ? "No requests in the last interval." : "");
  }

  #showTable() {
    if (this.#details.open) updateContent(this.#table, intervalTable(this.#intervals));
  }
}

function series(name, value) {
  return { name, value };
}

/** The reasons that were seen; all together where there was none. */
function refusals(intervals) {
  const reasons = Object.keys(intervals.at(-1)?.refused ?? {});
  const seen = reasons.filter((reason) => intervals.some(({ refused }) => refused[reason] > 0));
  if (seen.length === 0)
    return [series("all reasons", ({ refused }) => Object.values(refused).reduce((total, each) => total + each, 0))];
  return seen.map((reason) => series(reason.replaceAll("_", " "), ({ refused }) => refused[reason] ?? 0));
}

customElements.define("traffic-view", TrafficView);
