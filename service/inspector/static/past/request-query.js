// The query of a list of past requests, from the reader's filters.

import { listOf, theLabel } from "../words.js";

/**
 * @typedef {Object} Filters every member is optional
 * @property {"hour"|"day"|"week"|"between"} [period] without it, all times
 * @property {string} [since] local time, as a `datetime-local` input has it; for "between"
 * @property {string} [until] the same
 * @property {string} [label]
 * @property {string} [tag]
 * @property {string} [id]
 * @property {string} [below] combined p-value below this number
 * @property {"*"} [models] rows of all models, also of those that are no longer served
 * @property {"typicality"} [sort] most unusual first; without it, newest first
 */

const HOUR_MS = 3_600_000;
const PERIODS_MS = { hour: HOUR_MS, day: 24 * HOUR_MS, week: 7 * 24 * HOUR_MS };

/**
 * Return the query string of the first page.
 *
 * @param {Filters} filters
 * @param {{name: string, version: string}} model whose rows are listed
 * @param {Date} now
 */
export function queryOf(filters, model, now) {
  const query = new URLSearchParams(
    filters.models === "*" ? { model: "*" } : { model: model.name, version: model.version },
  );
  for (const [name, value] of Object.entries(times(filters, now))) query.set(name, value);
  for (const name of ["label", "tag", "id", "sort"]) {
    if (filters[name]) query.set(name, filters[name]);
  }
  if (filters.below) query.set("typicality_below", filters.below);
  return query.toString();
}

/** Which labels there are: "the labels are 0 to 9", "the labels are “cat” and “dog”". */
export function labelsSentence(labels) {
  const isRange = labels.length > 2 && labels.every((label, index) => label === String(Number(labels[0]) + index));
  return `the labels are ${isRange ? `${labels[0]} to ${labels.at(-1)}` : listOf(labels.map(theLabel))}`;
}

/** The query string of the page that follows. */
export function nextQuery(query, cursor) {
  return `${query}&cursor=${encodeURIComponent(cursor)}`;
}

function times({ period, since, until }, now) {
  if (period in PERIODS_MS) return { since: new Date(now - PERIODS_MS[period]).toISOString() };
  if (period !== "between") return {};
  return {
    ...(since ? { since: new Date(since).toISOString() } : {}),
    ...(until ? { until: new Date(until).toISOString() } : {}),
  };
}
