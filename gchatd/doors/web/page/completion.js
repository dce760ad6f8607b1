/** What the Tab key makes of a word. Knows names and commands; knows no page. */

import { key } from "./names.js";

/**
 * Return {start, words, end}: what the word before the caret may become, where it starts, and what follows it. A name
 * at the start of a line gets a colon, because you are addressing somebody; anything else gets a space.
 */
export function complete(before, { commands, people, rooms, find }) {
  const start = Math.max(before.lastIndexOf(" "), before.lastIndexOf("\n")) + 1;
  const word = before.slice(start);
  const names = commands.map(({ name }) => name);
  if (start === 0 && word.startsWith("/")) {
    return { start, words: fitting(word, names.map((name) => `/${name}`)), end: " " };
  }
  const [first, ...rest] = before.split(" ");
  const usage = first.startsWith("/") && rest.length === 1 ? (find(first.slice(1))?.usage ?? "") : "";
  if (/^\/\w+ \[?ROOM/.test(usage)) return { start, words: fitting(word, rooms), end: " " };
  if (first === "/help") return { start, words: fitting(word, names), end: " " };
  if (!word && !/^\/\w+ \[?NAME/.test(usage)) return { start, words: [], end: "" };
  return { start, words: fitting(word, people), end: start === 0 ? ": " : " " };
}

/** Return the word that somebody meant who typed another one: one or two slips away; undefined if none is. */
export function nearest(typed, words) {
  const most = typed.length < 4 ? 1 : 2;
  const [best] = words.map((word) => [distance(typed.slice(0, 32), word), word]).sort(([one], [other]) => one - other);
  return best?.[0] <= most ? best[1] : undefined;
}

/** Count the letters to add, drop, change or swap with the next one, to make one word of another. */
function distance(one, other) {
  const rows = [[...Array(other.length + 1).keys()]];
  for (let at = 1; at <= one.length; at++) {
    rows.push([at]);
    for (let to = 1; to <= other.length; to++) {
      const same = one[at - 1] === other[to - 1];
      const swapped = at > 1 && to > 1 && one[at - 1] === other[to - 2] && one[at - 2] === other[to - 1];
      const ways = [rows[at - 1][to] + 1, rows[at][to - 1] + 1, rows[at - 1][to - 1] + !same];
      if (swapped) ways.push(rows[at - 2][to - 2] + 1);
      rows[at].push(Math.min(...ways));
    }
  }
  return rows[one.length][other.length];
}

function fitting(word, words) {
  const begun = key(word);
  return [...new Set(words)].filter((one) => key(one).startsWith(begun)).sort((a, b) => a.localeCompare(b));
}
