// The state of the ledger in sentences.

import { duration } from "./times.js";

const INPUTS = {
  all: "with their inputs",
  atypical: "with the inputs of unusual ones",
  none: "without their inputs",
};

/** Whether a response has what the sentence says. */
export function isLedgerStatus(status) {
  if (typeof status?.state !== "string") return false;
  const isWriting = typeof status.written === "number" && typeof status.rate === "number";
  return status.state !== "writing" || (isWriting && Boolean(status.inputs) && Boolean(status.retention));
}

/**
 * @param {Object} status the response of `GET /ledger`
 * @returns {string}
 */
export function ledgerSentence(status) {
  const { state, waiting, lost } = status;
  if (state === "off") {
    return (
      "The ledger is off, so the server records no requests. To switch it on, start the server without " +
      "HIGHWAY_LEDGER_URL=off, or set it to sqlite:///FILE."
    );
  }
  if (state === "unavailable") {
    const reason = status.last_error ? ` (${status.last_error})` : "";
    return (
      `The ledger's database is unavailable${reason}. Predictions go on, and ${rows(waiting)} ` +
      `${waiting === 1 ? "waits" : "wait"} to be written. If this lasts, rows are lost and shown here as gaps.`
    );
  }
  if (state === "starting") return "The ledger is starting; in a few seconds the requests are shown.";
  const rate = `${status.rate.toLocaleString("en")} a second`;
  return [
    `${rows(status.written)} recorded since the start, ${INPUTS[status.inputs.stored]}, `,
    `kept for ${duration(status.retention.days * 86400)}.`,
    lost > 0 ? ` ${rows(lost)} ${lost === 1 ? "was" : "were"} lost.` : "",
    status.sampled_out > 0 ? ` ${rows(status.sampled_out)} beyond the rate of ${rate} left out.` : "",
  ].join("");
}

function rows(number) {
  return `${number.toLocaleString("en")} ${number === 1 ? "row" : "rows"}`;
}
