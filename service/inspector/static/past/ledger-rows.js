// The rows of a list of past requests with its gaps between them.

/**
 * Put the gaps where they belong in time.
 *
 * @param {{time: string}[]} rows as the API lists them
 * @param {{began: string, ended: string, rows: number, reason: string}[]} gaps newest first
 * @param {{newestFirst: boolean, complete: boolean}} options `complete`: no row follows the last
 * @returns {({row: Object}|{gap: Object})[]} by typicality, the gaps come first
 */
export function rowsAndGaps(rows, gaps, { newestFirst, complete }) {
  if (!newestFirst) return [...gaps.map((gap) => ({ gap })), ...rows.map((row) => ({ row }))];
  const result = [];
  let place = 0;
  for (const row of rows) {
    for (; place < gaps.length && Date.parse(gaps[place].ended) >= Date.parse(row.time); place++) {
      result.push({ gap: gaps[place] });
    }
    result.push({ row });
  }
  const rest = complete ? gaps.slice(place) : [];
  return [...result, ...rest.map((gap) => ({ gap }))];
}

/** What separates a row from all others: several requests may have one id. */
export function keyOf({ id, row, time }) {
  return `${time} ${row} ${id}`;
}
