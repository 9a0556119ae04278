// The ledger: past requests, filtered and sorted, and one of them in detail.

import { ApiError, send } from "../api.js";
import { element, fill } from "../elements.js";
import { Panel } from "../panel.js";
import { store } from "../store.js";
import { isLedgerStatus, ledgerSentence } from "./ledger-status.js";
import { malformed } from "./problem.js";
import "./record-detail.js";
import "./request-filters.js";
import "./request-list.js";

const AGAIN_MS = 2000; // until the state of a ledger that is starting is read again

class RequestsView extends Panel {
  static follows = ["record"];

  #status;
  #list;
  #timer = null;

  build() {
    this.#status = element("p", { class: "ledger-status muted" });
    this.#list = element("request-list", { class: "card" });
    const detail = element("record-detail", { class: "card" });
    detail.addEventListener("tags-changed", ({ detail: row }) => this.#list.showTags(row, row.tags));
    detail.addEventListener("record-closed", ({ detail: record }) => this.#close(record));
    fill(
      this,
      element(
        "header",
        {},
        element("h1", {}, "Past requests"),
        element("button", { type: "button", onclick: () => this.#refresh() }, "Refresh"),
      ),
      element(
        "p",
        {},
        "What the server answered before. The typicality of a request is the share of held-out rows, which were " +
          "kept out of the training, that are at least as unusual: the smaller it is, the more unusual the input is.",
      ),
      this.#status,
      element("request-filters", { class: "card" }),
      element("div", { class: "list-and-detail" }, this.#list, detail),
    );
    this.signal.addEventListener("abort", () => clearTimeout(this.#timer));
    this.#readStatus();
  }

  render({ record }) {
    this.classList.toggle("opened", record !== null);
  }

  #refresh() {
    this.#readStatus();
    if (store.state.model !== null) this.#list.reload();
  }

  async #readStatus() {
    clearTimeout(this.#timer);
    try {
      const status = await send("ledger", { signal: this.signal });
      if (!isLedgerStatus(status)) throw malformed();
      this.#status.dataset.state = status.state;
      fill(this.#status, ledgerSentence(status));
      this.#followStart(status.state);
    } catch (error) {
      if (!(error instanceof ApiError) && !this.signal.aborted) throw error;
      fill(this.#status); // the list shows the same problem
    }
  }

  /** The ledger starts a little later than the server: the list comes by itself. */
  #followStart(state) {
    if (["starting", "unavailable"].includes(state)) {
      this.#timer = setTimeout(() => this.#readStatus(), AGAIN_MS);
    } else if (state === "writing" && this.#list.hasFailed) {
      this.#list.reload();
    }
  }

  #close(record) {
    store.update({ record: null });
    this.#list.focusRow(record);
  }
}

customElements.define("requests-view", RequestsView);
