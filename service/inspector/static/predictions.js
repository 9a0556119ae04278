// The live prediction: it follows the instance and the gate scales, newest first.

import { ApiError, report, send } from "./api.js";
import { pathOf } from "./model.js";
import { store } from "./store.js";

/**
 * @typedef {Object} Answer
 * @property {import("./store.js").Input} input that was predicted
 * @property {import("./store.js").Instance} instance of the input, by identity the state's while that is the newest
 * @property {string} label
 * @property {number} probability of the label
 * @property {number[]} probabilities in the order of the model's labels
 * @property {number[]} gates mean transform gate of each layer, before scaling
 * @property {{gates: number, confidence: number, combined: number}} typicality p-values
 * @property {{low: number[], high: number[]}|null} usual gates of the label
 * @property {number[]} layerTypicality p-value of each layer's gates
 * @property {number[][]} units the gate of every unit, by layer
 *
 * @typedef {Object} WhatIf the same members but `input` and `instance`, and:
 * @property {Object<string, number>} scales factors by layer name, of which it is the answer
 */

const SLOW_MS = 500; // an older request is given up for a newer instance
const FIRST_WAIT_SECONDS = 2; // before the next attempt, where the server names no time
const LONGEST_WAIT_SECONDS = 30;

let sent = null; // the request under way: {controller, since, model, outdated, timer}
let retry = null; // timer of the next attempt
let quietUntil = 0; // no request before this time, as the server requested
let failures = 0; // in a row
let strangers = 0; // in a row: responses that are not of the shown model

/** Predict whenever the instance, the scales or the model change. */
export function startPredictions() {
  store.follow(["model", "instance", "scales"], ({ model, instance }) => {
    if (sent !== null && sent.model !== model) cancel(); // its answer is of another model
    if (instance === null || model === null) forget();
    else request();
  });
  for (const name of ["key-changed", "try-again"]) document.addEventListener(name, predictNow);
  window.addEventListener("online", predictNow);
}

/** Predict the current instance, without waiting any longer. */
function predictNow() {
  const { model, instance } = store.state;
  quietUntil = 0;
  if (model !== null && instance !== null) request();
}

/**
 * The answer of an input that is not the state's, as of a pinned one.
 *
 * @returns {Promise<Answer>}
 */
export async function answerOf({ input, instance }, model) {
  const response = await send(`${pathOf(model)}/what-if`, { body: { instance } });
  if (digestOf(response) !== model.digest) throw new ApiError(0, "The server replaced the model meanwhile.");
  return { ...readAnswers(response, model)[0], input, instance };
}

function forget() {
  cancel();
  store.update({ answer: null, whatIf: null, explanation: null });
}

function cancel() {
  clearTimeout(sent?.timer);
  sent?.controller.abort();
  sent = null;
}

function request() {
  const rest = sent === null ? 0 : sent.since + SLOW_MS - performance.now();
  if (rest > 0) {
    sent.outdated = true; // its end sends the newest, or if it is slow, the timer
    sent.timer ??= setTimeout(giveUp, rest);
    return;
  }
  cancel();
  if (performance.now() < quietUntil) return; // the timer sends the newest
  clearTimeout(retry);
  predict();
}

/** A timer may fire a little early, so the time is not looked at again. */
function giveUp() {
  cancel();
  request();
}

async function predict() {
  const { model, input, instance, scales } = store.state;
  const current = { controller: new AbortController(), since: performance.now(), model, outdated: false, timer: null };
  sent = current;
  const scaled = Object.keys(scales).length > 0;
  const body = { instance, gate_scale: scaled ? [{}, scales] : [{}] };
  try {
    const response = await send(`${pathOf(model)}/what-if`, { body, signal: current.controller.signal });
    // The answer of an older instance is shown too, so that the picture follows a long stroke.
    if (sent === current) show(response, { model, input, instance, scales });
  } catch (error) {
    if (sent === current) fail(error);
  } finally {
    if (sent === current) end(current);
  }
}

/** The newest instance follows, if there is one. */
function end({ timer, outdated }) {
  clearTimeout(timer);
  sent = null;
  if (outdated) request();
}

/** Answer and model change in one update: an answer is never shown with another model's layers. */
function show(response, { model, input, instance, scales }) {
  if (digestOf(response) !== model.digest) {
    readModelAgain("The server answers for another model than it describes.");
    return;
  }
  failures = strangers = 0;
  const [answer, whatIf] = readAnswers(response, model);
  store.update({ answer: { ...answer, input, instance }, whatIf: whatIf ? { ...whatIf, scales } : null });
}

/** The digest of the model that answered; an error where the response is no answer of a model. */
function digestOf(response) {
  if (typeof response?.digest !== "string") throw noAnswer();
  return response.digest;
}

function readAnswers({ predictions }, model) {
  try {
    const answers = predictions.map((prediction) => readAnswer(prediction, model));
    if (answers.length > 0) return answers;
  } catch {
    // said below
  }
  throw noAnswer();
}

function noAnswer() {
  return new ApiError(0, "The response is not the answer of a model; another server may have answered.");
}

function readAnswer(prediction, model) {
  const { label, probability, probabilities, typicality, usual } = prediction;
  const gates = prediction.gate_mean;
  const { layers, labels } = model;
  const { gates: byGates, confidence, combined } = typicality;
  const ranges = usual === null ? [] : [usual.low, usual.high];
  const perLayer = [gates, prediction.layer_typicality, prediction.gate_units, ...ranges];
  const numbers = [probability, byGates, confidence, combined, ...probabilities, ...gates, ...ranges.flat()];
  const isComplete = perLayer.every(({ length }) => length === layers.length) && probabilities.length === labels.length;
  if (!isComplete || !labels.includes(label) || !numbers.every(Number.isFinite)) throw new TypeError();
  return {
    label, probability, probabilities, typicality, usual, gates,
    layerTypicality: prediction.layer_typicality,
    units: prediction.gate_units,
  };
}

/** A new model, if any, ends the wait; the second time in a row there is none, and the page says so. */
function readModelAgain(message) {
  strangers += 1;
  document.dispatchEvent(new CustomEvent("model-changed"));
  waitSeconds(FIRST_WAIT_SECONDS);
  if (strangers < 2) return;
  const error = new ApiError(404, message, { path: `${pathOf(store.state.model)}/what-if` });
  error.retrySeconds = FIRST_WAIT_SECONDS;
  report(error);
}

function fail(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 404) {
    readModelAgain("The server does not find the model that it lists.");
    return;
  }
  if (error.isTemporary) {
    error.retrySeconds = error.retryAfter ?? Math.min(FIRST_WAIT_SECONDS * 2 ** failures, LONGEST_WAIT_SECONDS);
    failures += 1;
    if (error.status !== 0) quietUntil = performance.now() + 1000 * error.retrySeconds;
    waitSeconds(error.retrySeconds);
  } else {
    store.update({ answer: null, whatIf: null }); // they are of another input
  }
  report(error);
}

function waitSeconds(seconds) {
  clearTimeout(retry);
  retry = setTimeout(predictNow, 1000 * seconds);
}
