// One window of the drift monitor: its layers, labels and unusual rows against held-out rows.

import { element } from "../elements.js";
import { short, shortPercent } from "../numbers.js";
import { dataTable, scrollBox } from "../tables.js";
import { evidenceBar, shareBars } from "./bars.js";
import { folded } from "./cards.js";
import { decision, evidence, LEAST_ROWS, windowTitle } from "./drift-numbers.js";
import { clockSpan, every } from "./times.js";

const SHARES = "Seen (top), expected (below)";
const MANY = 20; // rows of a table that scrolls

/** @param {Object} drift a window of `GET /drift` */
export function windowCard(drift) {
  const words = decision(drift);
  const rows = `${drift.rows.toLocaleString("en")} ${drift.rows === 1 ? "row" : "rows"}`;
  return element(
    "section",
    { class: "card window", "data-window": drift.window },
    element(
      "h2",
      {},
      windowTitle(drift.window),
      " ",
      element("span", { class: "decision", "data-decision": words }, drift.drifting ? "▲ " : null, words),
    ),
    element(
      "p",
      { class: "muted" },
      `${rows}, `,
      element("span", { title: `${drift.begin} to ${drift.end}` }, clockSpan(drift.begin, drift.end)),
      `, tested ${every(drift.slides_seconds)}.`,
    ),
    ...content(drift),
    numbers(drift),
  );
}

/** The tables; where a window has too few rows to judge, they are folded. */
function content(drift) {
  if (drift.rows === 0) return [];
  const tables = [layerTable(drift), labelTable(drift), unusualTable(drift)];
  if (drift.rows >= LEAST_ROWS || drift.drifting) return tables;
  return [
    element("p", {}, `Too few rows to judge: ${drift.rows} of ${LEAST_ROWS}.`),
    // In a box, so that an update that shows the tables does not take these details for the numbers'.
    element("div", {}, folded("Its layers and labels so far", ...tables)),
  ];
}

function layerTable({ layers, threshold, window }) {
  const rows = layers.map(({ name, psi, p_value: pValue, drifting }) => [
    name,
    evidenceBar(evidence(pValue, threshold), drifting),
    cell(short(pValue), pValue, drifting),
    cell(psi.toFixed(2), psi, false),
  ]);
  const caption = "Layers: how open they were";
  return boxed(
    table(caption, ["Layer", "Evidence of drift", "p-value", "psi"], rows),
    rows.length,
    `${caption}, ${windowTitle(window)}`,
  );
}

function labelTable({ classes, labels, window }) {
  const scale = Math.max(
    ...classes.map(({ share, expected_share: expected }) => Math.max(share ?? 0, expected)),
    1e-9,
  );
  const rows = classes.map(({ label, share, expected_share: expected }) => [
    label,
    shareBars(share, expected, scale),
    cell(shortPercent(share), share, false),
    cell(shortPercent(expected), expected, false),
  ]);
  const note =
    labels.p_value === null ? "" : `, p-value ${short(labels.p_value)}${labels.drifting ? " ▲ drifts" : ""}`;
  const caption = `Labels: their share of the rows${note}`;
  return boxed(
    table(caption, ["Label", SHARES, "Seen", "Expected"], rows),
    rows.length,
    `Labels, ${windowTitle(window)}`,
  );
}

function unusualTable({ atypical }) {
  const scale = Math.max(...atypical.flatMap(({ share, expected_share: expected }) => [share ?? 0, expected]), 1e-9);
  const rows = atypical.map(({ expected_share: expected, share, p_value: pValue, drifting }) => [
    shortPercent(expected),
    shareBars(share, expected, scale),
    cell(shortPercent(share), share, false),
    cell(short(pValue), pValue, drifting),
  ]);
  const caption = "Unusual rows: as unusual as the most unusual 1 % or 10 % of held-out rows";
  return table(caption, ["Expected", SHARES, "Seen", "p-value"], rows);
}

function cell(text, value, drifting) {
  return element(
    "span",
    { class: drifting ? "drifting" : null, title: value === null ? null : String(value) },
    drifting ? `▲ ${text}` : text,
    drifting ? element("span", { class: "unseen" }, " drifts") : null,
  );
}

function table(caption, columns, rows) {
  const named = rows.map(([name, ...cells]) => [element("span", { title: name }, name), ...cells]);
  const shown = dataTable(caption, columns, named);
  shown.classList.add("tests");
  return shown;
}

/** In a box that scrolls if it is long. */
function boxed(content, length, name) {
  return length <= MANY ? content : scrollBox(name, content);
}

function numbers({ window, threshold, labels, layers, classes, atypical }) {
  const layerRows = [
    ...layers.map(({ name, psi, p_value: pValue }) => [name, psi, pValue]),
    ["labels", labels.psi, labels.p_value],
  ];
  const labelRows = classes.map((each) => [each.label, each.rows, each.share, each.expected_share]);
  const unusualRows = atypical.map((each) => [String(each.expected_share), each.rows, each.share, each.p_value]);
  return folded(
    "Numbers",
    element("p", {}, `The window drifts if a p-value is below ${threshold}.`),
    scrollBox(
      `Numbers of the ${windowTitle(window).toLowerCase()}`,
      dataTable("Layers", ["Layer", "psi", "p-value"], layerRows),
      dataTable("Labels", ["Label", "Rows", "Share", "Expected"], labelRows),
      dataTable("Unusual rows", ["Expected", "Rows", "Share", "p-value"], unusualRows),
    ),
  );
}
