/** Names: when two are the same, which colour one has, and whether a text mentions one. Knows no page and no server. */

const WORD = /[^\s,:;.!?()<>"'/\\]+/g;

/** What a terminal uses for names, of the 256 colours that it has: red, green, blue. */
export const COLOURS = [
  28, 29, 31, 32, 62, 64, 94, 98, 100, 130, 134, 160, 162, 164, 166, 168,
].map((index) => {
  const level = (step) => (step ? 55 + 40 * step : 0);
  const cell = index - 16;
  return [level(Math.floor(cell / 36)), level(Math.floor(cell / 6) % 6), level(cell % 6)];
});

/** Return what names are compared by. */
export const key = (name) => name.toLowerCase();

/** Return the index in COLOURS of a name's colour: the same as on every terminal. */
export function colourOf(name) {
  let index = indexes.get(name);
  if (index === undefined) {
    index = crc32(new TextEncoder().encode(folded(name))) % COLOURS.length;
    indexes.set(name, index);
  }
  return index;
}
const indexes = new Map();

/** Return whether a text has this name as a word, or with an @ before it. */
export function mentions(text, name) {
  const wanted = key(name);
  return key(text).includes(wanted) && (text.match(WORD) ?? []).some((word) => key(word).replace(/^@/, "") === wanted);
}

/** Fold upper and lower case the way the server does for colours; JavaScript has no function for it. */
function folded(name) {
  return [...name].map((char) => (char === "ı" ? char : char.toUpperCase().toLowerCase())).join("");
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}
