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

function fitting(word, words) {
  const begun = key(word);
  return [...new Set(words)].filter((one) => key(one).startsWith(begun)).sort((a, b) => a.localeCompare(b));
}
