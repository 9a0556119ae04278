// The order of a recorded row's layers and labels, which its objects do not have: JavaScript moves
// names such as "2" to the front of an object.

/**
 * @param {Object} row a row of `GET /requests/{id}`
 * @param {import("../model.js").Model|null} model
 * @returns {{layers: string[], labels: string[]}|null} as in the arrays of the API; null if the row is
 *   not of this model
 */
export function namesOf(row, model) {
  if (model === null || row.model_name !== model.name || row.model_version !== model.version) return null;
  const layers = model.layers.map(({ name }) => name);
  const fits = areNamesOf(row.gate_mean, layers) && areNamesOf(row.probabilities, model.labels);
  return fits ? { layers, labels: model.labels } : null;
}

/** The usual openness of each layer for the row's label; null if it is not known. */
export function usualOf(row, model) {
  const usual = model.usualGates ?? {};
  return Object.hasOwn(usual, row.label) ? usual[row.label] : null;
}

/** Names and values in an order of the names; null is the object's own order. */
export function entriesIn(names, values) {
  return names === null ? Object.entries(values ?? {}) : names.map((name) => [name, values[name]]);
}

function areNamesOf(values, names) {
  return Object.keys(values ?? {}).length === names.length && names.every((name) => Object.hasOwn(values, name));
}
