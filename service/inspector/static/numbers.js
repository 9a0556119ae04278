// Numbers as people read them. The API's own digits are shown in the tables.

/** A probability as a percentage; never "100 %" for less than 1, never "0 %" for more than 0. */
export function percent(probability) {
  if (probability === 1 || probability === 0) return `${100 * probability} %`;
  if (probability >= 0.99995) return "> 99.99 %";
  if (probability < 0.0001) return "< 0.01 %";
  return `${(100 * probability).toPrecision(probability >= 0.9995 ? 4 : 3)} %`;
}

/** The openness of a gate, 0 to 1, with two decimals. */
export function openness(value) {
  return value.toFixed(2);
}

/** A difference of openness, signed: "+0.12", "−0.03", "0.00". */
export function signed(difference) {
  const text = Math.abs(difference).toFixed(2);
  if (text === "0.00") return text;
  return `${difference < 0 ? "−" : "+"}${text}`;
}

/** A share of rows as words: "86 in 100", "3 in 10,000", "fewer than 1 in 1,000,000". */
export function share(pValue) {
  if (pValue < 1e-6) return "fewer than 1 in 1,000,000";
  const of = 10 ** Math.max(2, Math.ceil(-Math.log10(pValue)));
  const rows = Math.max(1, Math.round(pValue * of));
  return `${(pValue < 1 ? Math.min(rows, of - 1) : of).toLocaleString("en")} in ${of.toLocaleString("en")}`;
}

/** A change of a probability in percentage points, signed. */
export function points(change) {
  const value = 100 * change;
  const digits = Math.abs(value) >= 10 ? 0 : Math.abs(value) >= 1 ? 1 : 2;
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)} points`;
}

/** A share without needless zeros: "1 %", "7.24 %". */
export function shortPercent(share) {
  return share === null ? "–" : `${Number((100 * share).toPrecision(3))} %`;
}

/** A p-value or index with three digits: "0.0123", "1.4e-118", "0"; null is a dash. */
export function short(value) {
  if (value === null) return "–";
  if (value === 0) return "0";
  return Math.abs(value) < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

/** Seconds as a duration that people read: "1.2 ms", "0.35 s". */
export function seconds(value) {
  if (value === null) return "–";
  if (value < 1) return `${Number((1000 * value).toPrecision(3))} ms`;
  return `${Number(value.toPrecision(3))} s`;
}

/** A rate or count with three digits. */
export function rate(value) {
  return value === null ? "–" : Number(value.toPrecision(3)).toLocaleString("en");
}

/** A number of mebibytes with three digits. */
export function mebibytes(value) {
  return value === null ? "–" : `${Number(value.toPrecision(3))} MiB`;
}
