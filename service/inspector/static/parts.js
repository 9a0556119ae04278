// Parts of the page that are loaded when they are needed.

import { store } from "./store.js";

const RELOAD = {
  text: "The server has a new version of this page. Reload it; the address keeps what you drew or typed.",
  action: "reload",
  isUnreachable: false,
};
const GONE = {
  text: "The server does not respond, so a part of the page cannot be shown.",
  action: "again",
  isUnreachable: true,
};

/**
 * Load a part of the page; without a server, again when it may be back. False if the server has
 * other files now, and the reader sees that.
 *
 * @param {() => Promise<unknown>} load which imports modules
 */
export async function loadPart(load) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await load();
      if (attempt > 1) store.update({ status: null });
      return true;
    } catch {
      const isNew = await hasNewFiles();
      store.update({ status: { ...(isNew ? RELOAD : GONE), path: null, until: null } });
      if (isNew) return false;
    }
    await serverBack();
  }
}

/** Wait until the reader tries again, or a request of another part of the page succeeds. */
function serverBack() {
  return new Promise((resolve) => {
    for (const name of ["try-again", "api-success"]) document.addEventListener(name, resolve, { once: true });
  });
}

/** Whether the server has files of another release, and no longer those of this page. */
async function hasNewFiles() {
  const digest = import.meta.url.split("/").at(-2);
  try {
    const response = await fetch("./", { cache: "no-store", credentials: "omit" });
    return response.ok && !(await response.text()).includes(digest);
  } catch {
    return false;
  }
}
