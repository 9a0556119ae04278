// The part of the address after the `#`: the state that a link carries. It is never sent to the server.

import { packNumbers, packStrokes, unpackNumbers, unpackStrokes } from "./packing.js";

const VIEWS = ["try", "requests", "drift", "traffic", "model"];

/** A longer input is left out of the address: mails and chats cut long links. */
const MOST_CHARACTERS = 8000;
const MOST_SIZES = 3; // of a picture: rows, columns, colours
const MOST_PRESSURE = 2;
const MOST_NUMBERS = 3 * 256 * 256;
const DIGEST_CHARACTERS = 8;
const MOST_FACTOR = 10; // of a gate scale
const PIN = "pinned-"; // before the names of the pinned input's members
const FILTERS = ["period", "since", "until", "label", "tag", "id", "below", "models", "sort"];
const KNOWN =
  /^(view|model|digest|scales|unit|record|filters|(pinned-)?(draw|pen|centred|colours|pixels|shape|name|row))$/;

/**
 * @typedef {Object} Linked what a link carries; each member may be null
 * @property {string} view
 * @property {{name: string, version: string}|null} model null is the server's default
 * @property {string|null} digest the first characters of the model's digest
 * @property {import("./store.js").Input|null} input
 * @property {Object<number, number>|null} scales factors by index of the layer, from 0
 * @property {{layer: number, unit: number}|null} unit
 * @property {import("./store.js").Input|null} pinned
 * @property {{id: string, row: number, time: string}|null} record
 * @property {import("./past/request-query.js").Filters} filters
 */

/**
 * Write a state, as `draw=…&pen=0.08&digest=…`; the view "try" is left out. `left` names what is too large.
 *
 * @param {import("./store.js").State} state
 * @returns {Promise<{text: string, left: string[]}>}
 */
export async function writeAddress(state) {
  const { view, models, model, scales, unit, record, filters } = state;
  const members = view === VIEWS[0] ? {} : { view };
  if (model !== null && !isSame(model, models[0])) members.model = `${model.name}/${model.version}`;
  const left = [];
  const inputs = [["", state.input, "input"], [PIN, state.pinned?.input ?? null, "pinned input"]];
  for (const [prefix, input, word] of inputs) {
    const written = Object.entries(await writeInput(input));
    const length = written.reduce((sum, [, value]) => sum + value.length, 0);
    if (length > MOST_CHARACTERS) left.push(word);
    else for (const [name, value] of written) members[prefix + name] = value;
  }
  if (model !== null) {
    const factors = model.layers.flatMap(({ name }, index) =>
      (Object.hasOwn(scales, name) ? [`${index}:${scales[name]}`] : []));
    if (factors.length > 0) members.scales = factors.join(",");
  }
  if (unit !== null) members.unit = `${unit.layer}.${unit.unit}`;
  if (record !== null) members.record = JSON.stringify([record.id, record.row, record.time]);
  if (Object.keys(filters).length > 0) members.filters = new URLSearchParams(filters).toString();
  if (model !== null && Object.keys(members).some((name) => !["view", "record", "filters"].includes(name))) {
    members.digest = model.digest.slice(0, DIGEST_CHARACTERS);
  }
  return { text: new URLSearchParams(members).toString(), left };
}

/**
 * Read an address. It never throws: `faults` names the parts that are damaged and left out.
 *
 * @param {string} text with or without the `#`
 * @returns {Promise<{linked: Linked, faults: string[]}>}
 */
export async function readAddress(text) {
  const members = new URLSearchParams(text.replace(/^#/, ""));
  const faults = [...members.keys()].some((name) => !KNOWN.test(name)) ? ["a part that this page does not know"] : [];
  const read = async (name, word, reader) => {
    if (!members.has(name)) return null;
    try {
      return await reader(members.get(name));
    } catch {
      faults.push(word);
      return null;
    }
  };
  const linked = {
    view: (await read("view", "the view", readView)) ?? "try",
    model: modelOf(text),
    digest: members.get("digest"),
    input: await readInput(members, "", "the input", faults),
    scales: await read("scales", "the closed layers", readScales),
    unit: await read("unit", "the unit", readUnit),
    pinned: await readInput(members, PIN, "the pinned input", faults),
    record: await read("record", "the past request", readRecord),
    filters: (await read("filters", "the filters", readFilters)) ?? {},
  };
  return { linked, faults };
}

/** The name and version of the model that an address names; null for the server's default. */
export function modelOf(text) {
  const model = new URLSearchParams(text.replace(/^#/, "")).get("model");
  const end = model?.lastIndexOf("/") ?? -1;
  return end > 0 ? { name: model.slice(0, end), version: model.slice(end + 1) } : null;
}

/**
 * What of a link fits a model: members of the state, and the names of the parts that do not fit.
 *
 * @param {Linked} linked
 * @param {import("./model.js").Model} model
 */
export function fitted(linked, model) {
  const misfits = [];
  const kept = (value, fits, word) => {
    if (value === null || fits(value)) return value;
    misfits.push(word);
    return null;
  };
  const { layers } = model;
  const scales = kept(
    linked.scales, (s) => Object.keys(s).every((i) => Number(i) < layers.length), "the closed layers");
  return {
    input: kept(linked.input, (input) => inputFits(input, model), "the input"),
    scales: Object.fromEntries(Object.entries(scales ?? {}).map(([index, factor]) => [layers[index].name, factor])),
    unit: kept(linked.unit, ({ layer, unit }) => layer < layers.length && unit < layers[layer].width, "the unit"),
    pinned: kept(linked.pinned, (input) => inputFits(input, model), "the pinned input"),
    record: linked.record,
    filters: linked.filters,
    misfits,
    isOtherModel: linked.digest !== null && !model.digest.startsWith(linked.digest),
  };
}

/** Whether a model takes an input: a drawing or picture of its size, or a row of its columns. */
function inputFits(input, { input: described }) {
  if (input.kind === "row") {
    const names = (described.columns ?? []).map(({ name }) => name);
    return described.kind === "table" && String(names.sort()) === String(Object.keys(input.values).sort());
  }
  if (described.kind !== "image") return false;
  return input.kind === "strokes" || String(shapeOf(input.pixels)) === String(described.shape);
}

function isSame(model, other) {
  return model.name === other?.name && model.version === other?.version;
}

async function writeInput(input) {
  if (input === null) return {};
  if (input.kind === "strokes") {
    if (input.strokes.length === 0) return {};
    const members = { draw: packStrokes(input.strokes), pen: String(input.pen) };
    if (!input.centred) members.centred = "0";
    if (input.colours) members.colours = input.colours.map((colour) => colour.slice(1)).join(".");
    return members;
  }
  if (input.kind === "row") return { row: JSON.stringify(input.values) };
  const numbers = input.pixels.flat(2);
  if (numbers.length > MOST_NUMBERS) return { pixels: " ".repeat(MOST_CHARACTERS + 1) };
  return { pixels: await packNumbers(numbers), shape: shapeOf(input.pixels).join("x"), name: input.name };
}

async function readInput(members, prefix, word, faults) {
  try {
    const get = (name) => members.get(prefix + name);
    if (get("draw") !== null) return readStrokes(get);
    if (get("row") !== null) return { kind: "row", values: readRow(get("row")) };
    return get("pixels") === null ? null : await readPixels(get);
  } catch {
    faults.push(word);
    return null;
  }
}

function readStrokes(get) {
  const pen = Number(get("pen"));
  if (!(pen > 0) || !(pen <= 1)) throw new RangeError("pen"); // a wide pen takes seconds to draw
  if (get("draw").length > MOST_CHARACTERS) throw new RangeError("draw");
  const strokes = unpackStrokes(get("draw"));
  if (strokes.flat().some(({ pressure }) => pressure > MOST_PRESSURE)) throw new RangeError("pressure");
  const colours = get("colours")?.split(".").map((digits) => `#${digits}`);
  if (colours?.some((colour) => !/^#[0-9a-f]{6}$/.test(colour))) throw new RangeError("colours");
  return { kind: "strokes", strokes, pen, centred: get("centred") !== "0", ...(colours && { colours }) };
}

async function readPixels(get) {
  const shape = get("shape").split("x", MOST_SIZES + 1).map(integer);
  if (shape.length > MOST_SIZES) throw new RangeError("shape");
  const numbers = await unpackNumbers(get("pixels"), MOST_NUMBERS);
  if (numbers.length !== shape.reduce((product, size) => product * size, 1)) throw new RangeError("shape");
  if (!numbers.every(Number.isFinite)) throw new RangeError("pixels");
  return { kind: "pixels", pixels: nested(numbers, shape), name: get("name") ?? "picture" };
}

function readRow(text) {
  const values = JSON.parse(text);
  if (values === null || typeof values !== "object" || Array.isArray(values)) throw new RangeError("row");
  if (Object.values(values).some((value) => typeof value === "object" && value !== null)) throw new RangeError("value");
  return values;
}

function readView(text) {
  if (!VIEWS.includes(text)) throw new RangeError("view");
  return text;
}

function readScales(text) {
  return Object.fromEntries(
    text.split(",").map((part) => {
      const [index, factor] = part.split(":");
      const value = Number(factor);
      if (factor === "" || !(value >= 0 && value <= MOST_FACTOR)) throw new RangeError("factor");
      return [integer(index), value];
    }),
  );
}

function readUnit(text) {
  const [layer, unit] = text.split(".").map(integer);
  if (unit === undefined) throw new RangeError("unit");
  return { layer, unit };
}

function readRecord(text) {
  const [id, row, time] = JSON.parse(text);
  if (typeof id !== "string" || !id.isWellFormed() || typeof time !== "string") throw new RangeError("record");
  return { id, row: integer(String(row)), time };
}

function readFilters(text) {
  const filters = Object.fromEntries(new URLSearchParams(text));
  if (!Object.keys(filters).every((name) => FILTERS.includes(name))) throw new RangeError("filters");
  for (const name of ["since", "until"]) {
    if (filters[name] && Number.isNaN(Date.parse(filters[name]))) throw new RangeError(name);
  }
  return filters;
}

function integer(text) {
  if (!/^\d{1,7}$/.test(text)) throw new RangeError("integer");
  return Number(text);
}

/** Sizes of nested arrays, the outermost first. */
function shapeOf(pixels) {
  return Array.isArray(pixels) ? [pixels.length, ...shapeOf(pixels[0])] : [];
}

function nested(numbers, [size, ...sizes]) {
  if (sizes.length === 0) return numbers;
  const part = numbers.length / size;
  return Array.from({ length: size }, (_, i) => nested(numbers.slice(i * part, (i + 1) * part), sizes));
}
