// What the metadata says of a model, in cards.

import { element } from "../elements.js";
import { percent } from "../numbers.js";
import { capital } from "../words.js";
import { card, factList, folded } from "./cards.js";
import { facts, objectTable, valueNode, words } from "./generic-values.js";

const SHOWN_PROPERTIES = [
  "digest",
  "labels",
  "layers",
  "input",
  "usual_gates",
  "usual_inputs",
  "training",
  "verification",
  "signature",
];

/** What matters most: whether the file is what was trained. */
export function modelSentence({ verification, document }) {
  const rows = verification?.report?.test_rows;
  const compared = typeof rows === "number"
    ? `Matches the trained network on ${rows.toLocaleString("en")} test rows`
    : "Not known to match the trained network";
  return `${compared}; signature ${document.properties?.signature === "valid" ? "valid" : "not checked"}.`;
}

/** Name, digest and signature. */
export function identityCard(model) {
  return card(
    "This model",
    factList([
      ["Name", model.name],
      ["Version", model.version],
      ["Digest of the file", element("code", {}, model.digest)],
      ["Signature", signature(model.document.properties?.signature)],
      ["Platform", model.document.platform],
      ["Contract", parsed(model.document.properties?.contract)],
    ]),
  );
}

/** The shape, range and columns of a row. */
export function inputCard({ input, labels }) {
  const { kind, shape, unit, low, high, columns, ...others } = input;
  const range = low === null || low === undefined ? null : `${low} to ${high}`;
  return card(
    "Input and labels",
    factList([
      ["Input", kind === "image" ? `a picture of ${shape.join(" × ")} ${unit}s` : kind],
      kind === "image" ? null : ["Values", `${shape.join(" × ")} in ${unit}`],
      range && ["Range", range],
      ["Labels", valueNode(labels, "labels")],
    ]),
    columns?.length > 0 ? folded(`${columns.length} columns`, objectTable(columns, "Columns of the input")) : null,
    Object.keys(others).length > 0 ? folded("More about the input", facts(others)) : null,
  );
}

export function layersCard({ layers }) {
  return card("Layers", element("p", {}, layerSentence(layers)), objectTable(layers, "Layers"));
}

/** Data, preset, accuracy and all that the training recorded. */
export function trainingCard({ training }) {
  if (Object.keys(training ?? {}).length === 0)
    return card("Training", element("p", {}, "The file does not say how it was trained."));
  const { metrics = {}, config = {}, ...others } = training;
  const accuracy = metrics.test_accuracy;
  return card(
    "Training",
    factList([
      typeof accuracy === "number" && [
        "Accuracy on test rows",
        element("span", { title: String(accuracy) }, percent(accuracy)),
      ],
      "epochs" in config && ["Epochs", String(config.epochs)],
      "seed" in config && ["Seed", String(config.seed)],
      ...Object.entries(others).map(([name, value]) => [capital(words(name)), valueNode(value, words(name))]),
    ]),
    Object.keys(metrics).length > 0 ? folded("All metrics", facts(metrics)) : null,
    Object.keys(config).length > 0 ? folded("Configuration", facts(config)) : null,
  );
}

/** What the export verified: the errors of each output against the network, and the accuracy. */
export function verificationCard({ verification }) {
  const { report, digest: _, ...others } = verification ?? {};
  if (report === undefined || report === null) {
    return card(
      "Verification",
      element("p", {}, "The file has no report of its export."),
      Object.keys(others).length > 0 ? facts(others) : null,
    );
  }
  const { outputs = [], ...rest } = report;
  return card(
    "Verification",
    element("p", {}, verificationSentence(report)),
    facts({ ...others, ...rest }),
    outputs.length > 0
      ? folded(`Errors of ${outputs.length} comparisons`, objectTable(outputs, "Errors of each output"))
      : null,
  );
}

/** The tensors of the protocol. */
export function tensorsCard({ document }) {
  const named = (kind) => (tensor) => ({
    kind,
    name: tensor.name,
    type: tensor.datatype,
    shape: tensor.shape.map((size) => (size < 0 ? "rows" : size)).join(" × "),
  });
  return card(
    "Tensors",
    objectTable(
      [...(document.inputs ?? []).map(named("input")), ...(document.outputs ?? []).map(named("output"))],
      "Tensors",
    ),
  );
}

/** Properties of the metadata that have no card; null without any. */
export function otherPropertiesCard({ document }) {
  const others = Object.entries(document.properties ?? {}).filter(
    ([name]) => !SHOWN_PROPERTIES.includes(name) && name !== "contract",
  );
  if (others.length === 0) return null;
  return card("More properties", facts(Object.fromEntries(others.map(([name, text]) => [name, parsed(text)]))));
}

/** "8 convolution layers of width 16", or what differs. */
function layerSentence(layers) {
  const kinds = [...new Set(layers.map(({ kind }) => kind))];
  const widths = [...new Set(layers.map(({ width }) => width))];
  const width =
    widths.length === 1 ? `width ${widths[0]}` : `widths ${Math.min(...widths)} to ${Math.max(...widths)}`;
  return `${layers.length} highway ${layers.length === 1 ? "layer" : "layers"} (${kinds.join(" and ")}, ${width}).`;
}

function verificationSentence({ test_rows: rows, labels }) {
  const compared = typeof rows === "number" ? ` on ${rows.toLocaleString("en")} test rows` : "";
  const accuracy =
    typeof labels?.accuracy === "number"
      ? ` Its accuracy is ${percent(labels.accuracy)}; the trained network's ${percent(labels.torch_accuracy)}.`
      : "";
  return `Before it was written, the file was compared with the trained network${compared}.${accuracy}`;
}

function signature(text) {
  if (text === "valid") return "valid, checked with the server's public key";
  if (text === undefined || text === "not checked") return "not checked: the server has no key to check it with";
  return valueNode(parsed(text), "signature");
}

/** A property: JSON in most cases, else its text. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
