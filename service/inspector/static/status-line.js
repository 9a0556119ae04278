// One sentence about what went wrong, and one about what the page did, above every view.

import { element, fill } from "./elements.js";
import { openKeyDialog } from "./key-dialog.js";
import { Panel } from "./panel.js";
import { store } from "./store.js";
import { sentence } from "./words.js";

const ACTIONS = {
  key: { title: "Enter a key", act: openKeyDialog },
  reload: { title: "Reload", act: () => location.reload() },
  again: { title: "Try again", act: () => document.dispatchEvent(new CustomEvent("try-again")) },
};

document.addEventListener("api-error", ({ detail }) => store.update({ status: statusOf(detail) }));

document.addEventListener("api-success", ({ detail }) => {
  const { status } = store.state;
  if (status !== null && (status.isUnreachable || withoutQuery(status.path) === withoutQuery(detail.path))) {
    store.update({ status: null });
  }
});

/**
 * Say an error in words, with what happens next: `error.retrySeconds` is set by who tries again.
 *
 * @param {import("./api.js").ApiError & {retrySeconds?: number}} error
 */
function statusOf(error) {
  const seconds = error.retrySeconds;
  return {
    text: sentenceOf(error),
    path: error.path ?? null,
    until: seconds === undefined ? null : Date.now() + 1000 * seconds,
    isUnreachable: error.status === 0,
    action: actionOf(error, seconds),
  };
}

function sentenceOf({ status, message }) {
  const said = sentence(message);
  if (status === 403) return `${said} Try it goes on working with this key.`;
  if (status === 429 || status === 503) return `The server is busy: ${said}`;
  if (status === 500) return `${said} The next input may be answered.`;
  return said;
}

function actionOf({ status }, seconds) {
  if (status === 401 || status === 403) return "key";
  return seconds === undefined && [0, 429, 500, 502, 503, 504].includes(status) ? "again" : null;
}

function withoutQuery(path) {
  return path === null ? null : path.split("?")[0];
}

class StatusLine extends Panel {
  static follows = ["status", "notice"];
  #status = element("p", { role: "status", class: "fault" });
  #notice = element("p", { role: "status" });
  #shown = { status: null, notice: null };
  #timer = null;

  build() {
    this.#shown = { status: null, notice: null };
    fill(this, this.#status, this.#notice);
  }

  render({ status, notice }) {
    const before = this.#shown;
    this.#shown = { status, notice };
    if (status !== before.status) this.#showStatus(status);
    if (notice !== before.notice) this.#showNotice(notice);
  }

  #showNotice(notice) {
    const dismiss = () => store.update({ notice: null });
    fill(this.#notice, notice, notice !== null && element("button", { type: "button", onclick: dismiss }, "Dismiss"));
  }

  #showStatus(status) {
    clearInterval(this.#timer);
    if (status === null) {
      fill(this.#status);
      return;
    }
    const countdown = element("span", { "aria-hidden": "true" });
    const action = ACTIONS[status.action];
    fill(
      this.#status, `${status.text} `, status.until !== null && countdown,
      status.until !== null && element("span", { class: "unseen" }, "The page tries again by itself."),
      action && element("button", { type: "button", onclick: action.act }, action.title),
    );
    if (status.until !== null) this.#count(countdown, status.until);
  }

  /** Show the seconds left; they are hidden from screen readers, which would read each. */
  #count(countdown, until) {
    const show = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      fill(countdown, seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again …");
    };
    show();
    this.#timer = setInterval(show, 500);
  }
}

customElements.define("status-line", StatusLine);
