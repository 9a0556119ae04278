// The served models, as their metadata describes them.

import { ApiError, send } from "./api.js";

const LIST = "v2/models";
const MORE_LISTS = 2; // to read where a model has been removed since the list was read

/**
 * @typedef {Object} Model
 * @property {string} name
 * @property {string} version
 * @property {string} digest of the file
 * @property {string[]} labels in the order of the probabilities
 * @property {{name: string, kind: string, width: number, number: number}[]} layers
 * @property {{kind: "image"|"table", shape: number[], unit: string, low: number|null,
 *   high: number|null, columns: Column[]}} input
 * @property {Object<string, {low: number[], high: number[]}|null>|null} usualGates by label
 * @property {{usual: number[], values: number[][], missing: boolean[]}|null} usualInputs
 * @property {Object} training provenance: data, preset, configuration, metrics, source revision
 * @property {Object} verification what the export verified
 * @property {Object} document the whole response
 *
 * @typedef {{name: string, categories: string[], date: string|null, unit: string}} Column
 */

/** @returns {Promise<{name: string, version: string, ready: boolean}[]>} */
async function listModels(options) {
  const models = (await send(LIST, options))?.models;
  const isModel = (model) => typeof model?.name === "string" && typeof model.version === "string";
  if (!Array.isArray(models) || !models.every(isModel)) {
    throw new ApiError(0, "The response is no list of models.", { path: LIST });
  }
  return models;
}

/** @returns {Promise<Model>} */
export async function describeModel(name, version, options) {
  const path = pathOf({ name, version });
  const document = await send(path, options);
  try {
    return { name, version, ...readDocument(document) };
  } catch {
    throw new ApiError(0, "The response does not describe a model; another server may have answered.", { path });
  }
}

function readDocument(document) {
  const properties = document.properties;
  const read = (member) => JSON.parse(properties[member]);
  const layers = read("layers");
  if (typeof properties.digest !== "string" || !Array.isArray(read("labels"))) throw new TypeError();
  if (!Array.isArray(layers) || !["image", "table"].includes(read("input").kind)) throw new TypeError();
  return {
    digest: properties.digest,
    labels: read("labels"),
    layers,
    input: read("input"),
    usualGates: read("usual_gates"),
    usualInputs: read("usual_inputs"),
    training: read("training"),
    verification: read("verification"),
    document,
  };
}

/**
 * Read the list, and describe the wanted model or, where it is gone, `findModel`'s choice.
 *
 * @param {{name: string, version: string}|null} wanted null is the first
 * @returns {Promise<{models: Object[], model: Model|null}>}
 */
export async function readModels(wanted) {
  for (let left = MORE_LISTS; ; left -= 1) {
    const models = await listModels();
    const listed = findModel(models, wanted);
    try {
      return { models, model: listed && (await describeModel(listed.name, listed.version)) };
    } catch (error) {
      if (error.status !== 404) throw error;
      error.path = LIST; // the next list replaces what is said of it
      if (left === 0) throw error;
    }
  }
}

/** The model of this name and version, else the newest of that name, else the first; else null. */
export function findModel(models, wanted) {
  const named = models.filter(({ name }) => name === wanted?.name);
  const byVersion = (a, b) => a.version.localeCompare(b.version, "en", { numeric: true });
  return named.find(({ version }) => version === wanted.version) ?? named.sort(byVersion).at(-1) ?? models[0] ?? null;
}

/** Whether what was drawn or typed for one model can be sent to the other as it is. */
export function haveSameInput(model, other) {
  return JSON.stringify(model.input) === JSON.stringify(other.input);
}

/** Whether two models have the same highway layers. */
export function haveSameLayers(model, other) {
  return JSON.stringify(model.layers) === JSON.stringify(other.layers);
}

/** The path of a model's metadata, and the beginning of its other paths. */
export function pathOf({ name, version }) {
  return `v2/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`;
}

/** The path of a model's explanations, which has KServe's form. */
export function explainPathOf({ name, version }) {
  return `v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}:explain`;
}

/** Whether the model reads square grey pictures whose labels are digits, as MNIST has them. */
export function isDigitModel(model) {
  const { kind, shape } = model.input;
  return (
    kind === "image" && shape.length === 2 && shape[0] === 28 && shape[1] === 28 &&
    model.labels.every((label) => /^[0-9]$/.test(label))
  );
}
