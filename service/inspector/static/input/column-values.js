// Values of a table's columns: as text in a form or a CSV row, and as the API takes them.

/**
 * @typedef {import("../model.js").Column} Column
 * @typedef {number|string|null} Value null is missing
 * @typedef {{missing?: string[], decimal?: string}} TextFormat how training read the table's text
 * @typedef {{low: string, high: string}|null} Range
 */

const MISSING = ["", "?", "na", "n/a", "nan", "null", "none"];
const BOOLEANS = { true: "true", 1: "true", false: "false", 0: "false" };
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const ISO_DATE = /^(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}.*)?$/;
const FLOAT32_MAX = 3.4028234663852886e38;
const MAX_LISTED = 10; // all names of most columns: the reader has to write one of them
const DAY_MS = 86_400_000;

/** A cell that does not fit its column; the message says what was expected and what was found. */
export class CellError extends Error {}

/** Whether a column holds booleans. */
export function isBoolean({ categories }) {
  return categories.length === 2 && categories[0] === "false" && categories[1] === "true";
}

/**
 * Read the text of a cell; one that does not fit is a `CellError`.
 *
 * @param {string} text
 * @param {Column} column
 * @param {TextFormat} format
 * @returns {Value}
 */
export function readCell(text, column, format = {}) {
  if (column.categories.includes(text)) return text;
  const trimmed = text.trim();
  if (column.categories.includes(trimmed)) return trimmed;
  if (MISSING.includes(trimmed.toLowerCase()) || format.missing?.includes(trimmed)) return null;
  if (isBoolean(column) && Object.hasOwn(BOOLEANS, trimmed.toLowerCase())) return BOOLEANS[trimmed.toLowerCase()];
  if (column.categories.length > 0) throw expectedError(`one of ${listed(column.categories)}`, trimmed);
  return column.date === null ? readNumber(trimmed, column, format) : readDate(trimmed, column);
}

/**
 * The text of a value that the model's file has as a number: a category's index, a date's days
 * since 1970-01-01, or a number in float32.
 *
 * @param {number} value
 * @param {Column} column
 */
export function textOf(value, column) {
  if (column.categories.length > 0) return column.categories[value];
  if (column.date === null) return shortest(value);
  const minutes = Math.round(value * 24 * 60);
  return new Date(minutes * 60_000).toISOString().slice(0, 16).replace("T00:00", "");
}

/**
 * The ends between which 8 of 10 training rows are; null for categories and for columns without.
 *
 * @param {Column} column
 * @param {number[]} values usual ones, in rising order: from the 10th to the 90th percentile
 * @returns {Range}
 */
export function usualRange(column, values) {
  if (column.categories.length > 0 || values.length === 0) return null;
  return { low: textOf(values[0], column), high: textOf(values.at(-1), column) };
}

/**
 * How a value differs: "below", "above", "rare" for a category that few training rows have, or
 * null for a usual one.
 *
 * @param {Value} value
 * @param {Column} column
 * @param {number[]} values usual ones
 */
export function unusualness(value, column, values) {
  if (value === null || values.length === 0) return null;
  if (column.categories.length > 0) return values.some((index) => column.categories[index] === value) ? null : "rare";
  const number = column.date === null ? value : Date.parse(isoTime(value)) / DAY_MS;
  const single = Math.fround(number);
  if (single < Math.fround(values[0])) return "below";
  return single > Math.fround(values.at(-1)) ? "above" : null;
}

function readNumber(text, { unit }, { decimal = "." }) {
  const plain = withoutUnit(text, unit);
  const number = decimal === "," ? plain.replace(",", ".") : plain;
  if (!NUMBER.test(number)) throw expectedError("a number", text);
  const value = Number(number);
  if (Math.abs(value) > FLOAT32_MAX) throw expectedError("a number below 3.4e38", text);
  return value;
}

function withoutUnit(text, unit) {
  if (unit === "") return text;
  if (text.endsWith(unit)) return text.slice(0, -unit.length).trim();
  return text.startsWith(unit) ? text.slice(unit.length).trim() : text;
}

/** A date in ISO 8601; the server reads the column's own format. */
function readDate(text, { date }) {
  if (ISO_DATE.test(text) && isDay(text)) return text.replace(" ", "T");
  if (date !== "iso" && !ISO_DATE.test(text)) return text;
  throw expectedError("a date such as 2026-02-01", text);
}

/** Whether the calendar has the day: Date takes 30 February for the 2nd of March. */
function isDay(text) {
  const day = text.slice(0, 10);
  const time = new Date(`${day}T00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().slice(0, 10) === day;
}

function isoTime(text) {
  return text.includes("T") && !/(Z|[+-]\d{2}:?\d{2})$/.test(text) ? `${text}Z` : text;
}

/** The shortest number that is the same in float32: 5.8, not 5.800000190734863. */
function shortest(value) {
  for (let digits = 1; digits < 9; digits += 1) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === Math.fround(value)) return String(rounded);
  }
  return String(value);
}

function expectedError(expected, found) {
  return new CellError(`expected ${expected}; found '${found.length > 40 ? `${found.slice(0, 40)}…` : found}'`);
}

/** Some of the names, in quotes. */
export function listed(names) {
  const shown = names.slice(0, MAX_LISTED).map((name) => `'${name}'`).join(", ");
  return names.length > MAX_LISTED ? `${shown} and ${(names.length - MAX_LISTED).toLocaleString("en")} more` : shown;
}
