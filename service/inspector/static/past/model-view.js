// The served model: metadata, verification, provenance and signature.

import { announce } from "../announcement.js";
import { send } from "../api.js";
import { element, fill } from "../elements.js";
import { pathOf } from "../model.js";
import { Panel } from "../panel.js";
import { store } from "../store.js";
import {
  identityCard,
  inputCard,
  layersCard,
  otherPropertiesCard,
  tensorsCard,
  modelSentence,
  trainingCard,
  verificationCard,
} from "./model-cards.js";
import { card } from "./cards.js";
import { malformed, problem } from "./problem.js";
import { repositoryCard, statisticsCard } from "./server-cards.js";

const LINKS = [
  ["docs", "All routes, to try"],
  ["openapi.json", "OpenAPI document"],
  ["metrics", "Metrics for Prometheus"],
];

class ModelView extends Panel {
  static follows = ["model"];

  #summary = element("p", { class: "summary card" });
  #content = element("div", { class: "model-facts" });

  build() {
    fill(
      this,
      element(
        "header",
        {},
        element("h1", {}, "Model"),
        element("button", { type: "button", onclick: () => this.#refresh() }, "Refresh"),
      ),
      element(
        "p",
        {},
        "What the model's file contains: what it reads, how it was trained, and what was checked before " +
          "it was written.",
      ),
      this.#summary,
      this.#content,
    );
  }

  render({ model }) {
    if (model === null) {
      fill(this.#summary);
      fill(this.#content, element("p", {}, "The server has no model yet."));
      return;
    }
    const repository = element("div");
    const statistics = element("div");
    fill(this.#summary, modelSentence(model));
    fill(
      this.#content,
      element(
        "div",
        {},
        identityCard(model),
        inputCard(model),
        layersCard(model),
        tensorsCard(model),
        otherPropertiesCard(model),
      ),
      element("div", {}, trainingCard(model), verificationCard(model), repository, statistics, linksCard()),
    );
    this.#load(repository, "Models of this server", async (options) =>
      repositoryCard(listed(await send("v2/repository/index", { ...options, body: {} }))),
    );
    this.#load(statistics, "Since the server started", async (options) =>
      statisticsCard(counted(await send(`${pathOf(model)}/stats`, options))),
    );
  }

  #refresh() {
    this.render(store.state);
    announce("Read again");
  }

  /** Fill a place with a card that needs a request, or with the reason why there is none. */
  async #load(place, title, read) {
    place.setAttribute("aria-busy", "true");
    try {
      place.replaceWith(await read({ signal: this.signal }));
    } catch (error) {
      if (this.signal.aborted) return;
      place.setAttribute("aria-busy", "false");
      fill(place, card(title, problem(error, () => this.#load(place, title, read))));
    }
  }
}

function listed(index) {
  if (!Array.isArray(index)) throw malformed();
  return index;
}

function counted(response) {
  const statistics = response?.model_stats?.[0];
  if (typeof statistics?.inference_count !== "number" || typeof statistics.execution_count !== "number") {
    throw malformed();
  }
  return statistics;
}

function linksCard() {
  const links = LINKS.map(([path, title]) =>
    element("li", {}, element("a", { href: path }, title), " ", element("code", {}, path)),
  );
  return card("More", element("ul", {}, ...links));
}

customElements.define("model-view", ModelView);
