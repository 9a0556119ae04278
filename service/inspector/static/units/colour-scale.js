// Colour scales of our own, even in OKLab: each step of the number is an equal step of lightness.

const STEPS = 256;

// Lightness, a and b in OKLab. The lightness of `OPENNESS` rises evenly from closed to open, so that
// the scale reads in grey too; `DIFFERENCE` is even from its middle to both ends.
const OPENNESS = [[0.24, 0, -0.06], [0.6, 0.1, 0.1], [0.96, -0.01, 0.06]];
const DIFFERENCE = [[0.5, -0.03, -0.15], [0.95, 0, 0], [0.5, 0.12, 0.09]];

const opennessColours = colours(OPENNESS);
const differenceColours = colours(DIFFERENCE);

/**
 * @typedef {Object} Scale
 * @property {Uint32Array} colours of a pixel each, as ImageData stores them, from low to high
 * @property {number} low number of the first colour
 * @property {number} high number of the last colour
 */

/** Dark is closed, bright is open. @returns {Scale} */
export function opennessScale() {
  return { colours: opennessColours, low: 0, high: 1 };
}

/** Blue is below zero, light is zero, red is above. @returns {Scale} */
export function differenceScale(largest) {
  return { colours: differenceColours, low: -largest, high: largest };
}

/** The colour of a number as a pixel; numbers beyond the scale have the colour of its end. */
export function colourOf(scale, value) {
  const share = (value - scale.low) / (scale.high - scale.low);
  return scale.colours[Math.min(STEPS - 1, Math.max(0, Math.round(share * (STEPS - 1))))];
}

/** A pixel of ImageData, whose bytes are red, green, blue and opacity, 0 to 255. */
function pixelOf(red, green, blue, opacity = 255) {
  return ((opacity << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

function colours(stops) {
  return Uint32Array.from({ length: STEPS }, (_, step) => {
    const place = (step / (STEPS - 1)) * (stops.length - 1);
    const first = Math.min(stops.length - 2, Math.floor(place));
    const mixed = stops[first].map((from, i) => from + (place - first) * (stops[first + 1][i] - from));
    return pixelOf(...fromOklab(mixed));
  });
}

// Björn Ottosson, "A perceptual color space for image processing", 2020
function fromOklab([lightness, a, b]) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map(toByte);
}

function toByte(linear) {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(1, Math.max(0, value)));
}
