// The model that the page shows: that of the link or the first, then the reader's choice.

import { report } from "./api.js";
import { element, fill } from "./elements.js";
import { firstModel } from "./first-model.js";
import { instanceOfInput } from "./input/instances.js";
import { describeModel, haveSameInput, haveSameLayers, readModels } from "./model.js";
import { store } from "./store.js";

const REFRESH_SECONDS = 30; // while the page is visible
const RETRY_SECONDS = 5; // without a model or a server
const KEY = ["name", "version", "digest"]; // of a model
const WITHOUT_MODEL = "The server has no model to show; this page looks for one every few seconds.";

const select = element("select", {
  id: "model", "aria-label": "Model", onchange: () => chooseModel(store.state.models[select.value]),
});
const place = document.getElementById("model-choice");

let last = null; // the model that was shown last, also while the server has none
let reading = null; // the refresh under way
let timer = null;

/** Show the first model, and follow what the server has. */
export async function startModels() {
  store.follow(["models", "model"], showChoice);
  for (const name of ["model-changed", "key-changed", "try-again"]) document.addEventListener(name, refreshModels);
  document.addEventListener("visibilitychange", refreshModels);
  window.addEventListener("focus", refreshModels);
  await refresh(firstModel);
}

/** Read the list of models and the metadata of the shown one again, if the page is visible. */
function refreshModels() {
  if (document.hidden) return;
  reading ??= refresh(readModels(last)).finally(() => { reading = null; });
}

/** Show another model; resolves when it is shown, or an error is. */
export async function chooseModel({ name, version }) {
  try {
    show(await describeModel(name, version));
  } catch (error) {
    report(error);
    refreshModels();
  }
}

async function refresh(result) {
  clearTimeout(timer);
  const before = store.state.model;
  let seconds = RETRY_SECONDS;
  try {
    const { models, model } = await result;
    if (JSON.stringify(models) !== JSON.stringify(store.state.models)) store.update({ models });
    if (store.state.model === before) show(model); // else the reader chose another one meanwhile
    if (model !== null) seconds = REFRESH_SECONDS;
  } catch (error) {
    if (error.isTemporary) error.retrySeconds = error.retryAfter ?? seconds;
    seconds = error.retrySeconds ?? REFRESH_SECONDS;
    report(error);
  } finally {
    clearTimeout(timer);
    timer = setTimeout(refreshModels, 1000 * seconds);
  }
}

function show(model) {
  const before = last;
  last = model ?? last;
  if (model === null) {
    store.update({ ...withoutAnswer(), model, notice: WITHOUT_MODEL });
  } else if (before === null) {
    store.update({ ...withoutAnswer(), model, notice: null });
  } else if (store.state.model === null || KEY.some((member) => model[member] !== before[member])) {
    store.update(switched(before, model, store.state));
  }
}

/** All that belongs to a model changes with it, in one update. */
function switched(before, model, state) {
  const { input } = state;
  const isSame = haveSameInput(before, model);
  const keepsInput = isSame || (input?.kind === "strokes" && model.input.kind === "image");
  const keepsLayers = haveSameLayers(before, model);
  const changes = { ...withoutAnswer(), model };
  if (!keepsInput) Object.assign(changes, { input: null, instance: null });
  else if (!isSame) changes.instance = instanceOfInput(input, model);
  if (!keepsLayers) Object.assign(changes, { scales: {}, layer: null, unit: null });
  changes.notice = noticeOf(before, model, state, { keepsInput, keepsLayers });
  return changes;
}

function withoutAnswer() {
  return { answer: null, whatIf: null, explanation: null, pinned: null };
}

function noticeOf(before, model, { input, scales, pinned }, { keepsInput, keepsLayers }) {
  const isReplaced = before.name === model.name && before.version === model.version;
  const isListed = store.state.models.some(({ name, version }) => name === before.name && version === before.version);
  const lost = [
    !keepsInput && input !== null && "the input does not fit it",
    !keepsLayers && Object.keys(scales).length > 0 && "all layers are open again",
    pinned !== null && "the pinned answer is gone",
  ].filter(Boolean).join(", ");
  const rest = lost === "" ? "." : `: ${lost}.`;
  if (model.digest === before.digest && isReplaced) return null;
  if (isReplaced) return `The server replaced the model; it has ${count(model)} now${rest}`;
  if (!isListed) return `The server no longer has ${titleOf(before)}; this is ${titleOf(model)}${rest}`;
  return lost === "" ? null : `This is ${titleOf(model)}${rest}`;
}

function count({ layers }) {
  return layers.length === 1 ? "one layer" : `${layers.length} layers`;
}

function titleOf({ name, version }) {
  return `${name} version ${version}`;
}

/** The list is rebuilt only when it differs: an open one would close. */
function showChoice({ models, model }) {
  const titles = models.map(titleOf);
  if (JSON.stringify(titles) !== JSON.stringify([...select.options].map(({ text }) => text))) {
    fill(select, ...titles.map((title, index) => element("option", { value: index }, title)));
  }
  select.value = String(model === null ? -1 : titles.indexOf(titleOf(model)));
  if (!select.isConnected) fill(place, element("label", { for: "model" }, "Model"), select);
  place.hidden = models.length === 0;
}
