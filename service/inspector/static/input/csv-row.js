// One row of a CSV file as the values of a table's columns.

import { CellError, listed, readCell } from "./column-values.js";

/** @typedef {import("./column-values.js").Column} Column */

const DELIMITERS = [",", ";", "\t", "|"];
const MAX_ERRORS = 3;

/** A row that does not fit the table; the message can be shown. */
export class RowError extends Error {}

/**
 * Read a row, with or without a header row above it; other rows are left out.
 *
 * @param {string} text
 * @param {Column[]} columns
 * @param {import("./column-values.js").TextFormat} format
 * @returns {{values: import("./column-values.js").Value[], note: string}} values in the columns'
 *   order; the note says what was left out
 */
export function readRow(text, columns, format = {}) {
  if (text.trim() === "") throw new RowError("The row is empty; paste a line of a CSV file.");
  const { rows, delimiter } = split(text, columns);
  const header = isHeader(rows[0], columns) ? rows[0].map((name) => name.trim()) : null;
  const row = rows[header === null ? 0 : 1];
  if (row === undefined) throw new RowError("This is a header row only; paste the row below it too.");
  const cells = header === null ? byOrder(row, columns) : byName(row, header, columns);
  const left = rows.length - (header === null ? 1 : 2);
  const decimal = delimiter === ";" && hasCommas(cells) ? "," : format.decimal;
  return { values: readCells(cells, columns, { ...format, decimal }), note: noteOf(left, row.length, columns) };
}

/**
 * Split CSV into rows of cells: quotes protect delimiters and line ends, "" is a quote.
 *
 * @returns {string[][]} without empty lines
 */
export function cellsOf(text, delimiter) {
  const rows = [];
  let [row, cell, quoted, wasQuoted] = [[], "", false, false];
  const endCell = () => {
    row.push(cell);
    [cell, wasQuoted] = ["", false];
  };
  const endRow = () => {
    endCell();
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '"' && text[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (quoted && character === '"') quoted = false;
    else if (quoted) cell += character;
    else if (character === '"' && cell.trim() === "" && !wasQuoted) [quoted, wasQuoted, cell] = [true, true, ""];
    else if (character === delimiter) endCell();
    else if (character === "\n") endRow();
    else if (character !== "\r") cell += character;
  }
  if (quoted) throw new RowError("A quote is not closed; expected a second \" in the row.");
  endRow();
  return rows;
}

/** Rows by the delimiter that gives as many cells as there are columns, else the most cells. */
function split(text, columns) {
  const found = DELIMITERS.map((delimiter) => ({ delimiter, rows: cellsOf(text, delimiter) }));
  const fitting = found.find(({ rows }) => rows[0].length === columns.length);
  return fitting ?? found.reduce((most, other) => (other.rows[0].length > most.rows[0].length ? other : most));
}

/** Whether a row has the names of at least half of the columns. */
function isHeader(row, columns) {
  const names = new Set(row.map((cell) => cell.trim()));
  const known = columns.filter(({ name }) => names.has(name.trim())).length;
  return 2 * known >= columns.length;
}

function byOrder(row, columns) {
  if (row.length === columns.length) return row;
  const advice = "paste the header row above it, so that columns are found by name";
  throw new RowError(`The row does not fit: expected ${counted(columns.length)}, found ${row.length}; ${advice}.`);
}

function byName(row, header, columns) {
  if (row.length !== header.length) {
    throw new RowError(`The header has ${counted(header.length)}, but the row has ${row.length}.`);
  }
  const places = new Map(header.map((name, index) => [name, index]));
  const missing = columns.filter(({ name }) => !places.has(name.trim()));
  if (missing.length > 0) {
    const names = listed(missing.map(({ name }) => name));
    throw new RowError(`The header does not have ${names}; expected ${counted(columns.length)}.`);
  }
  return columns.map(({ name }) => row[places.get(name.trim())]);
}

function readCells(cells, columns, format) {
  const errors = [];
  const values = columns.map((column, index) => {
    try {
      return readCell(cells[index], column, format);
    } catch (error) {
      if (!(error instanceof CellError)) throw error;
      errors.push(`column '${column.name}': ${error.message}`);
      return null;
    }
  });
  if (errors.length === 0) return values;
  const more = errors.length > MAX_ERRORS ? `; and ${errors.length - MAX_ERRORS} more` : "";
  throw new RowError(`The row does not fit: ${errors.slice(0, MAX_ERRORS).join("; ")}${more}.`);
}

/** Tables with semicolons often have decimal commas. */
function hasCommas(cells) {
  return cells.some((cell) => /^\s*[+-]?\d+,\d+\s*$/.test(cell));
}

function noteOf(rows, cells, columns) {
  const notes = [];
  if (rows > 0) notes.push(`${rows} more ${rows === 1 ? "row was" : "rows were"} left out.`);
  const others = cells - columns.length;
  if (others > 0) notes.push(`${others} other ${others === 1 ? "column was" : "columns were"} left out.`);
  return ["The form has the values of the row.", ...notes].join(" ");
}

function counted(count) {
  return `${count.toLocaleString("en")} ${count === 1 ? "column" : "columns"}`;
}
