// Requests to the server. The API key is in this module's memory only.

const TIMEOUT_MS = 10_000;
const LONGEST_WAIT_SECONDS = 3600;

let key = null;
let refused; // the key that the server refuses: null is none, undefined is not known
let isDeclined = false; // a key was requested, and the reader gave none
let sentence = ""; // what the server said about the key
let waiting = []; // {resolve, reject} of each request that waits for a key

/** An answer that is no result: `status` is 0 without any, `retryAfter` in seconds or null. */
export class ApiError extends Error {
  constructor(status, message, { retryAfter = null, path = null } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.path = path;
  }

  /** Whether the same request may succeed a little later. */
  get isTemporary() {
    return [0, 408, 429, 502, 503, 504].includes(this.status);
  }
}

/**
 * Send a request to a path of this server, without a leading slash; return its JSON.
 *
 * With a `body` it is a POST. Other outcomes are an `ApiError` whose message can be shown; an
 * aborted request throws the signal's reason. Where a key is needed, the request waits for it.
 */
export async function send(path, { body, method, signal, text = false } = {}) {
  for (;;) {
    if (key === refused) await newKey(signal); // wrong keys are counted: send none in vain
    const used = key;
    try {
      return await attempt(path, { body, method, signal, text, withKey: used });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      if (used === key) refused = key;
      sentence = error.message;
    }
  }
}

/** Show what went wrong with a request; an error of another kind is thrown. */
export function report(error) {
  if (!(error instanceof ApiError)) throw error;
  document.dispatchEvent(new CustomEvent("api-error", { detail: error }));
}

/** Use a key if the server accepts it: the waiting requests go on. Otherwise an `ApiError`. */
export async function useKey(value) {
  await attempt("v2/models", { withKey: value }).catch((error) => {
    if (error.status !== 403) throw error; // a valid key of another scope
  });
  key = value;
  refused = undefined;
  isDeclined = false;
  endWaiting((resolve) => resolve());
}

/** Whether a request waits for a key. */
export function waitsForKey() {
  return waiting.length > 0;
}

/** End the waiting requests: the reader gives no key. */
export function declineKey() {
  isDeclined = key === refused;
  endWaiting((_, reject) => reject(keyError()));
}

function keyError() {
  return new ApiError(401, "This server needs an API key.");
}

function endWaiting(end) {
  const ended = waiting;
  waiting = [];
  for (const { resolve, reject } of ended) end(resolve, reject);
}

function newKey(signal) {
  if (isDeclined) throw keyError();
  return new Promise((resolve, reject) => {
    const wait = { resolve, reject };
    waiting.push(wait);
    signal?.addEventListener("abort", () => {
      waiting = waiting.filter((other) => other !== wait);
      reject(signal.reason);
    });
    const message = key === null ? "" : sentence; // the first time there is nothing to blame
    document.dispatchEvent(new CustomEvent("key-needed", { detail: { message } }));
  });
}

async function attempt(path, { body, method, signal, text = false, withKey }) {
  const { response, content } = await call(path, { body, method, signal, withKey });
  if (!response.ok) throw errorOf(response, content, path);
  const result = text ? content : parsed(content);
  if (result === undefined) {
    throw new ApiError(0, "The response is not JSON; another server may have answered.", { path });
  }
  document.dispatchEvent(new CustomEvent("api-success", { detail: { path } }));
  return result;
}

async function call(path, { body, method, signal, withKey }) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: headers(body, withKey),
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      cache: "no-store",
      credentials: "omit",
    });
    return { response, content: await response.text() };
  } catch {
    signal?.throwIfAborted();
    throw new ApiError(0, "The server does not respond.", { path });
  }
}

function errorOf(response, content, path) {
  const { status } = response;
  const stated = parsed(content)?.error;
  const message = typeof stated === "string" ? stated : `The server responded with status ${status}.`;
  const retryAfter = secondsOf(response.headers.get("retry-after"));
  return new ApiError(status, message, { retryAfter, path });
}

/** A wait that is neither a loop without rest nor longer than an hour; null if the server names none. */
function secondsOf(retryAfter) {
  const seconds = Number(retryAfter);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(Math.max(seconds, 1), LONGEST_WAIT_SECONDS) : null;
}

function headers(body, withKey) {
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  return withKey === null ? json : { ...json, Authorization: `Bearer ${withKey}` };
}

function parsed(content) {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
