// What a screen reader says of a result: once, when the input and the layers have come to rest.

import { announce } from "../announcement.js";
import { announcement } from "./words.js";

const REST_MS = 700;

export class ResultAnnouncement {
  #timer = null;

  /** Announce a result, unless another follows; an answer of null takes the last one away. */
  show({ model, answer, whatIf, scales }) {
    clearTimeout(this.#timer);
    if (answer === null) {
      announce("");
      return;
    }
    if (Object.keys(scales).length > 0 && whatIf === null) return;
    const result = { answer, whatIf, labels: model.labels };
    this.#timer = setTimeout(() => announce(announcement(result)), REST_MS);
  }

  stop() {
    clearTimeout(this.#timer);
  }
}
