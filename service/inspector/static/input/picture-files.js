// Picture files: what they are, and their pixels. Huge and broken ones are refused by a sentence.

import { LEVELS } from "./drawing.js";

const MAX_BYTES = 30_000_000;
const MAX_PIXELS = 50_000_000; // of a telephone's photo
const MAX_SIDE = 1_024; // what is larger is first made smaller by the browser
const HEADER_BYTES = 1_000_000; // a JPEG file has its size after profiles and previews
const READ = "PNG, JPEG, WebP, GIF or BMP";

/** A file that is no picture for the model; its message can be shown. */
export class PictureError extends Error {}

/**
 * Decode a picture; transparent parts become white.
 *
 * @param {Blob} file
 * @returns {Promise<{width: number, height: number, colours: Uint8ClampedArray,
 *   from: {width: number, height: number}}>} red, green, blue and opacity of each pixel; `from` is
 *   the size in the file
 */
export async function decode(file) {
  if (file.size > MAX_BYTES) {
    const most = megabytes(MAX_BYTES);
    throw new PictureError(`The file has ${megabytes(file.size)} MB; the page reads pictures up to ${most} MB.`);
  }
  const header = new Uint8Array(await file.slice(0, HEADER_BYTES).arrayBuffer());
  const size = headerSize(header);
  if (size === null) throw new PictureError(`This file is not a picture that the page can read; choose ${READ}.`);
  if (size.width * size.height > MAX_PIXELS) {
    const shown = `${size.width.toLocaleString("en")} × ${size.height.toLocaleString("en")}`;
    throw new PictureError(`The picture has ${shown} pixels; the page reads up to ${MAX_PIXELS / 1e6} million pixels.`);
  }
  const bitmap = await bitmapOf(file);
  try {
    return { ...pixelsOf(bitmap), from: { width: bitmap.width, height: bitmap.height } };
  } finally {
    bitmap.close();
  }
}

/**
 * The size in the header of a PNG, JPEG, WebP, GIF or BMP file; null for others.
 *
 * @param {Uint8Array} bytes the file's beginning
 * @returns {{width: number, height: number}|null}
 */
export function headerSize(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (from, to) => String.fromCharCode(...bytes.subarray(from, to));
  try {
    if (text(0, 4) === "\x89PNG") return { width: view.getUint32(16), height: view.getUint32(20) };
    if (text(0, 3) === "GIF") return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
    if (text(0, 2) === "BM") return { width: view.getUint32(18, true), height: Math.abs(view.getInt32(22, true)) };
    if (text(0, 2) === "\xff\xd8") return jpegSize(view);
    if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") return webpSize(view, text(12, 16));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the header is cut off
  }
  return null;
}

function jpegSize(view) {
  let at = 2;
  while (view.getUint8(at) === 0xff) {
    while (view.getUint8(at + 1) === 0xff) at += 1; // any number of them may precede a marker
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

function webpSize(view, chunk) {
  const sides = (read, bits) => ({ width: read(0) & bits, height: read(1) & bits });
  if (chunk === "VP8 ") return sides((side) => view.getUint16(26 + 2 * side, true), 0x3fff);
  if (chunk === "VP8X") {
    return { width: (view.getUint32(24, true) & 0xffffff) + 1, height: (view.getUint32(26, true) >>> 8) + 1 };
  }
  const bits = view.getUint32(21, true);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

async function bitmapOf(file) {
  try {
    return await createImageBitmap(file, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  } catch {
    throw new PictureError("The picture is damaged; the browser cannot read it.");
  }
}

function pixelsOf(bitmap) {
  const factor = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(factor * side)));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return { width, height, colours: context.getImageData(0, 0, width, height).data };
}

/** Brightness of each pixel, 0 to 1, by the weights of Rec. 601 as Pillow converts to grey. */
export function brightness(colours) {
  const grey = new Float32Array(colours.length / 4);
  for (let pixel = 0; pixel < grey.length; pixel += 1) {
    const at = 4 * pixel;
    grey[pixel] = (299 * colours[at] + 587 * colours[at + 1] + 114 * colours[at + 2]) / (1000 * LEVELS);
  }
  return grey;
}

/** One colour of each pixel, 0 to 1; 0 is red. */
export function channel(colours, index) {
  return Float32Array.from({ length: colours.length / 4 }, (_, pixel) => colours[4 * pixel + index] / LEVELS);
}

function megabytes(bytes) {
  return Math.round(bytes / 1e6).toLocaleString("en");
}
