// The address follows the state, and the state follows the address: links, Back and Forward.

import { fitted, modelOf, readAddress, writeAddress } from "./address.js";
import { report } from "./api.js";
import { instanceOfInput } from "./input/instances.js";
import { chooseModel } from "./model-choice.js";
import { findModel } from "./model.js";
import { answerOf } from "./predictions.js";
import { store } from "./store.js";
import { foreignText } from "./words.js";

const WRITE_MS = 300; // browsers limit how often an address may change
const LINKED = ["view", "models", "model", "input", "scales", "unit", "pinned", "record", "filters"];

const visited = new Map(); // states of this page's history entries, by their names: exact, however large
let entry = newEntry();
let pending = null; // what a link carries, until its model is shown: {linked, faults}
let timer = null;
let view = null; // of the present history entry

/** Restore the state that the address carries; then write the address whenever the state changes. */
export async function startNavigation() {
  history.replaceState({ entry }, "");
  window.addEventListener("popstate", goTo);
  await follow(location.hash);
  store.follow(LINKED, changed);
}

/** The address of the present state, and the parts that are too large for it. */
export async function linkOf(state) {
  const { text, left } = await writeAddress(state);
  return { link: `${location.href.split("#")[0]}#${text}`, left };
}

async function follow(hash) {
  pending = await readAddress(hash);
  view = pending.linked.view;
  store.update({ view });
  const { models, model } = store.state;
  const wanted = findModel(models, modelOf(hash));
  if (model !== null && wanted !== null && !isSame(wanted, model)) await chooseModel(wanted);
  apply();
}

function apply() {
  const { model } = store.state;
  if (pending === null || model === null) return;
  const { linked, faults } = pending;
  pending = null;
  const { misfits, isOtherModel, pinned, ...members } = fitted(linked, model);
  const notice = noticeOf(linked, model, { faults, misfits, isOtherModel });
  const instance = instanceOfInput(members.input, model);
  store.update({ ...members, instance, ...(notice === null ? {} : { notice }) });
  if (pinned !== null) pin(pinned, model);
}

/** The pinned answer is predicted again: a link carries its input only. */
async function pin(input, model) {
  try {
    const instance = instanceOfInput(input, model);
    const answer = await answerOf({ input, instance }, model);
    if (store.state.model === model) store.update({ pinned: { input, instance, answer } });
  } catch (error) {
    report(error);
  }
}

function noticeOf(linked, model, { faults, misfits, isOtherModel }) {
  const left = [...faults, ...misfits];
  if (linked.model !== null && !isSame(linked.model, model)) {
    const title = `${foreignText(linked.model.name)} version ${foreignText(linked.model.version)}`;
    return `This link was made for ${title}, which the server does not have${without(left)}.`;
  }
  if (isOtherModel) return `This link was made for another model, so the numbers may differ${without(left)}.`;
  return left.length === 0 ? null : `This link is damaged${without(left)}.`;
}

function isSame(model, other) {
  return model.name === other.name && model.version === other.version;
}

function without(parts) {
  return parts.length === 0 ? "" : `; left out: ${parts.join(", ")}`;
}

function changed(state) {
  if (pending !== null) {
    apply();
    if (pending !== null) return;
  }
  clearTimeout(timer);
  if (state.view !== view) {
    push(state);
  } else {
    visited.set(entry, state);
    timer = setTimeout(replace, WRITE_MS);
  }
}

/** A view is a step of Back and Forward. */
function push(state) {
  ({ view } = state);
  entry = newEntry();
  visited.set(entry, state);
  history.pushState({ entry }, "", `#view=${view}`);
  replace();
}

async function replace() {
  const { state } = store;
  const { text } = await writeAddress(state);
  if (LINKED.some((name) => state[name] !== store.state[name])) return; // a newer one is written soon
  const address = text === "" ? location.pathname + location.search : `#${text}`;
  history.replaceState({ entry }, "", address);
}

/** Show the state of a history entry; an address that the reader typed is a new entry. */
async function goTo({ state: kept }) {
  clearTimeout(timer);
  const state = visited.get(kept?.entry);
  if (state === undefined || state.model?.digest !== store.state.model?.digest) {
    entry = kept?.entry ?? newEntry();
    history.replaceState({ entry }, "");
    await follow(location.hash);
    return;
  }
  ({ entry } = kept);
  ({ view } = state);
  const explanation = state.instance === store.state.instance ? store.state.explanation : null;
  const { input, instance, scales, unit, pinned, record, filters } = state;
  store.update({ view, input, instance, scales, unit, pinned, record, filters, explanation });
}

/** Numbers of entries outlive the page in the browser's history; those of other loads differ. */
function newEntry() {
  return `${performance.timeOrigin} ${visited.size}`;
}
