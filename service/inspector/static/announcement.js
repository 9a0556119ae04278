// One sentence for screen readers, in the page's live region.

/** Announce a text; the same text is not written again, because nothing has changed for the listener. */
export function announce(text) {
  const place = document.getElementById("announcement");
  if (place.textContent !== text) place.textContent = text;
}
