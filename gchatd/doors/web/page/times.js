/** Moments and durations, in words and in the reader's own time zone. */

const hours = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const date = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

export const brief = (at) => hours.format(at);
export const inFull = (at) => full.format(at);

/** Return a key that is the same for all moments of a day. */
export function dayOf(at) {
  const day = new Date(at);
  return `${day.getFullYear()}-${pad(day.getMonth() + 1)}-${pad(day.getDate())}`;
}

/** Return a day in words: Today, Yesterday, or its date. */
export function dayInWords(at, now = Date.now()) {
  if (dayOf(at) === dayOf(now)) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  return dayOf(at) === dayOf(yesterday) ? "Yesterday" : date.format(at);
}

/** Return milliseconds in words, in the biggest unit that fits. */
export function duration(ms) {
  for (const [size, unit] of [[86_400_000, "day"], [3_600_000, "hour"], [60_000, "minute"]]) {
    if (ms >= size) return plural(Math.floor(ms / size), unit);
  }
  return plural(Math.max(0, Math.floor(ms / 1000)), "second");
}

/** Read a moment as somebody types it: 18:30, 2026-01-31, or both; null if it is none. */
export function parse(typed, now = new Date()) {
  const match = /^(?:(\d{4})-(\d\d)-(\d\d))?\s*(?:(\d\d?):(\d\d))?$/.exec(typed.trim());
  if (!match || !match[0]) return null;
  const [, year, month, day, hour = 0, minute = 0] = match;
  const moment = year ? new Date(year, month - 1, day, hour, minute) : new Date(now);
  if (!year) moment.setHours(hour, minute, 0, 0);
  if (!year && moment > now) moment.setDate(moment.getDate() - 1);
  return moment.getTime();
}

export const people = (count) => (count === 1 ? "1 person" : `${count} people`);
export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const pad = (number) => String(number).padStart(2, "0");
