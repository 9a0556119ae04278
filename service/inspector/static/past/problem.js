// What to show in place of data that the server did not send.

import { ApiError, report } from "../api.js";
import { element } from "../elements.js";
import { sentence } from "../words.js";

const REQUEST = "Request a key with the scope inspect from the server's operator.";
const ADVICE = {
  401: `This part of the page needs an API key. ${REQUEST}`,
  403: `${REQUEST} The other parts of the page go on working.`,
};

/** The error of a response that has not the shape of the API's. */
export function malformed() {
  return new ApiError(0, "The response is not of this API; another server may have answered.");
}

/**
 * Return a paragraph with the server's sentence and what to do, and a button that tries again.
 * An error that is no response of the server is thrown.
 */
export function problem(error, again) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) report(error);
  return element(
    "div",
    { class: "problem" },
    element("p", {}, sentence(error.message)),
    ADVICE[error.status] ? element("p", {}, ADVICE[error.status]) : null,
    again ? element("button", { type: "button", onclick: again }, "Try again") : null,
  );
}
