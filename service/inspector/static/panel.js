// The base of the page's custom elements: it follows the store while it is in the document.

import { store } from "./store.js";

export class Panel extends HTMLElement {
  #connection = null;

  /** Names of the state's members whose change calls `render`. */
  static follows = [];

  connectedCallback() {
    this.#connection = new AbortController();
    this.build();
    const { follows } = this.constructor;
    store.follow(follows, (state) => this.render(state), { signal: this.signal });
  }

  disconnectedCallback() {
    this.#connection.abort();
  }

  /** Aborted when the element leaves the document; for listeners and requests. */
  get signal() {
    return this.#connection.signal;
  }

  /** Build the element's children, once for each time that it enters the document. */
  build() {}

  /** Show the state. */
  render(_state) {}
}
