// Prometheus' text format.

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?/gy;
const ESCAPES = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };
const WORDS = { "+Inf": Infinity, Inf: Infinity, "-Inf": -Infinity };

/**
 * Parse the metrics whose name is used; comments and lines that are no samples are left out.
 *
 * @param {string} text
 * @param {(name: string) => boolean} [isUsed] all by default
 * @returns {{name: string, labels: Object<string, string>, value: number}[]} NaN where it says so
 */
export function parseMetrics(text, isUsed = () => true) {
  const samples = [];
  for (const line of text.split("\n")) {
    const match = line.startsWith("#") ? null : SAMPLE.exec(line.trim());
    if (match === null || !isUsed(match[1])) continue;
    const [, name, labels, value] = match;
    samples.push({ name, labels: parseLabels(labels ?? ""), value: parseNumber(value) });
  }
  return samples;
}

/** A number as Prometheus writes it, with "+Inf". */
export function parseNumber(text) {
  return Object.hasOwn(WORDS, text) ? WORDS[text] : Number(text);
}

function parseLabels(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(LABEL)) {
    labels[name] = value.replace(/\\[n"\\]/g, (escape) => ESCAPES[escape]);
  }
  return labels;
}
