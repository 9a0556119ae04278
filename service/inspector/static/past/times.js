// Times of the API, ISO 8601 in UTC, as a reader's clock shows them.

import { element } from "../elements.js";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** "21:04:09" today, else "28 Nov, 21:04:09"; `moment` is ISO 8601 or ms since 1970. */
export function localTime(moment, now = new Date()) {
  const time = new Date(moment);
  const clock = time.toLocaleTimeString("en-GB");
  const recent = now - time < DAY_MS && time.getDate() === now.getDate();
  return recent ? clock : `${time.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${clock}`;
}

/** "28 Nov 2026, 21:04:09"; `moment` is ISO 8601 or ms since 1970. */
export function fullTime(moment) {
  const time = new Date(moment);
  const date = time.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
  return `${date}, ${time.toLocaleTimeString("en-GB")}`;
}

/** A `time` element whose title is the API's own text. */
export function timeElement(iso) {
  return element("time", { datetime: iso, title: iso }, localTime(iso));
}

/** A span of time on the reader's clock, without seconds: "21:04–21:09". */
export function clockSpan(begin, end) {
  const day = (iso) => new Date(iso).toDateString();
  const clock = (iso) => new Date(iso).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const date = (iso) => new Date(iso).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  if (day(begin) === day(end)) return `${clock(begin)}–${clock(end)}`;
  return `${date(begin)}, ${clock(begin)} – ${date(end)}, ${clock(end)}`;
}

/** Seconds as words: "30 seconds", "5 minutes", "1 hour". */
export function duration(seconds) {
  const [unit, name] = [
    [86400, "day"],
    [3600, "hour"],
    [60, "minute"],
    [1, "second"],
  ].find(([length]) => seconds >= length && seconds % length === 0) ?? [1, "second"];
  const number = seconds / unit;
  return `${number.toLocaleString("en")} ${name}${number === 1 ? "" : "s"}`;
}

/** "every 30 seconds", "every hour". */
export function every(seconds) {
  return `every ${duration(seconds).replace(/^1 /, "")}`;
}
