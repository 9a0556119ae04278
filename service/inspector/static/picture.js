// A picture as the model reads it, on a canvas with one pixel for each of its own.

const BYTE = 255;

/**
 * Draw an image's instance.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number[][]|number[][][]} instance grey rows, or rows of [red, green, blue]
 * @param {{low: number|null, high: number|null}} bounds as of `screenPixels`
 * @param {{most?: number}} [options] the most pixels of a side; larger pictures are sampled
 */
export function drawPicture(canvas, instance, bounds, { most = Infinity } = {}) {
  const shown = sampled(instance, most);
  const [height, width] = [shown.length, shown[0].length];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(screenPixels(shown, bounds), width, height), 0, 0);
}

/**
 * The pixels of an instance as a screen shows them: red, green, blue and opacity, 0 to 255.
 *
 * @param {number[][]|number[][][]} instance grey rows, or rows of [red, green, blue]
 * @param {{low: number|null, high: number|null}} bounds black and white; null is 0 and 255
 * @returns {Uint8ClampedArray} height × width × 4
 */
export function screenPixels(instance, { low, high }) {
  const [black, white] = [low ?? 0, high ?? BYTE];
  const pixels = instance.flat();
  const bytes = new Uint8ClampedArray(4 * pixels.length);
  pixels.forEach((pixel, index) => {
    const colours = Array.isArray(pixel) ? pixel : [pixel, pixel, pixel];
    for (let colour = 0; colour < 3; colour += 1) {
      bytes[4 * index + colour] = (BYTE * (colours[colour] - black)) / (white - black);
    }
    bytes[4 * index + 3] = BYTE;
  });
  return bytes;
}

/** Every so many pixels of a picture, the first ones included. */
function sampled(rows, most) {
  const chosen = (list) => (list.length <= most
    ? list
    : Array.from({ length: most }, (_, index) => list[Math.floor((index * list.length) / most)]));
  return Math.max(rows.length, rows[0].length) <= most ? rows : chosen(rows).map(chosen);
}
