// Drawings and pictures as short strings of the characters A-Z, a-z, 0-9, "-" and "_".

/** Points of a link are in steps of 1/1000 of the drawing area; the input draws on the same grid. */
export const STEPS = 1000;

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const STROKE_END = ".";
const PRESSURE = "~"; // before a stroke whose points have a pressure
const PLAIN_AXES = ["x", "y"];
const PEN_AXES = ["x", "y", "pressure"];
const REACH = 8 * STEPS; // farther points are of a damaged text

/**
 * Write strokes: the first point, then the differences, each as base-64 digits of five bits.
 *
 * @param {import("./store.js").Stroke[]} strokes
 * @returns {string}
 */
export function packStrokes(strokes) {
  return strokes.map(packStroke).join(STROKE_END);
}

/** Read strokes; throws a `RangeError` if the text is damaged. */
export function unpackStrokes(text) {
  return text.split(STROKE_END).map(unpackStroke);
}

function packStroke(stroke) {
  const isPen = stroke.some(({ pressure }) => pressure !== undefined);
  const axes = isPen ? PEN_AXES : PLAIN_AXES;
  const before = { x: 0, y: 0, pressure: 0 };
  const parts = stroke.flatMap((point) => axes.map((axis) => {
    const value = Math.round((point[axis] ?? 1) * STEPS);
    const part = packInteger(value - before[axis]);
    before[axis] = value;
    return part;
  }));
  return (isPen ? PRESSURE : "") + parts.join("");
}

function unpackStroke(text) {
  const isPen = text.startsWith(PRESSURE);
  const axes = isPen ? PEN_AXES : PLAIN_AXES;
  const integers = unpackIntegers(isPen ? text.slice(PRESSURE.length) : text);
  if (integers.length === 0 || integers.length % axes.length > 0) throw new RangeError("stroke: half a point");
  const stroke = [];
  const at = { x: 0, y: 0, pressure: 0 };
  for (let first = 0; first < integers.length; first += axes.length) {
    axes.forEach((axis, index) => { at[axis] += integers[first + index]; });
    if (axes.some((axis) => Math.abs(at[axis]) > REACH)) throw new RangeError("stroke: outside");
    stroke.push(Object.fromEntries(axes.map((axis) => [axis, at[axis] / STEPS])));
  }
  return stroke;
}

/** The sign in the lowest bit, then five bits a digit, the lowest first; 32 says that more follow. */
function packInteger(value) {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let text = "";
  do {
    const bits = rest % 32;
    rest = Math.floor(rest / 32);
    text += DIGITS[rest > 0 ? bits + 32 : bits];
  } while (rest > 0);
  return text;
}

function unpackIntegers(text) {
  const integers = [];
  let [value, weight] = [0, 1];
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    if (digit < 0 || weight > 32 ** 4) throw new RangeError("stroke: not a number");
    value += (digit % 32) * weight;
    weight *= 32;
    if (digit < 32) {
      integers.push(value % 2 === 1 ? -(value + 1) / 2 : value / 2);
      [value, weight] = [0, 1];
    }
  }
  if (weight > 1) throw new RangeError("stroke: half a number");
  return integers;
}

/**
 * Write numbers as compressed bytes: integers of 0 to 255, else multiples of 1/255, else float64.
 *
 * @param {number[]} numbers
 * @returns {Promise<string>}
 */
export async function packNumbers(numbers) {
  const integers = numbers.every((number) => Number.isInteger(number) && number >= 0 && number <= 255);
  const levels = numbers.map((number) => Math.round(number * 255));
  const isLevels = !integers && numbers.every((number, i) =>
    levels[i] >= 0 && levels[i] <= 255 && levels[i] / 255 === number);
  const bytes = integers ? new Uint8Array(numbers)
    : isLevels ? new Uint8Array(levels) : new Uint8Array(new Float64Array(numbers).buffer);
  const form = integers ? "i" : isLevels ? "l" : "f";
  return form + base64(await through(bytes, new CompressionStream("deflate-raw")));
}

/** Read numbers; rejects if the text is damaged or has more than `most` numbers. */
export async function unpackNumbers(text, most) {
  const form = text[0];
  if (!"ilf".includes(form)) throw new RangeError("picture: unknown form");
  const bytes = await through(bytesOf(text.slice(1)), new DecompressionStream("deflate-raw"), 8 * most);
  if (form === "f") return [...new Float64Array(bytes.buffer)];
  return form === "i" ? [...bytes] : Array.from(bytes, (level) => level / 255);
}

async function through(bytes, stream, most = Infinity) {
  const parts = [];
  let length = 0;
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) {
      await reader.cancel(); // a small text may expand without end
      throw new RangeError("picture: too many numbers");
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function base64(bytes) {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}
