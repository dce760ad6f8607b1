/** Makes of a text what the server makes of it (text/cleaning.py), so that a line is known again when it comes back. */

const MARKS_IN_A_ROW = 5;
const MARK = /[\p{Mn}\p{Me}]/u;
const BETWEEN_MARKS = /[\p{Cf}\p{Cn}\p{Mc}\u115f\u1160\u3164\uffa0]/u; // neither counts, nor ends a stack

/** Escape sequences, whole: with parameters, strings that something ends or that take the rest of the line, others. */
const SEQUENCE = new RegExp(
  [
    "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]?",
    "\\x1b[PX\\]^_][^\\x07\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c)?",
    "[\\x90\\x98\\x9d-\\x9f][^\\x07\\x1b\\x90\\x98\\x9c-\\x9f]*(?:\\x07|\\x1b\\\\|\\x9c)",
    "\\x1b[ -/]*[0-~]?",
  ].join("|"),
  "g",
);
const UNSAFE =
  /[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff\u{e0000}-\u{e007f}]/gu;

/** Clean a text, which may have several lines. */
export const clean = (text) => text.replace(/\r\n?/g, "\n").split("\n").map(cleanLine).join("\n");

function cleanLine(line) {
  if (/^[ -~]*$/.test(line)) return line;
  return unstack(line.replace(/\t/g, " ").replace(SEQUENCE, "").replace(UNSAFE, ""));
}

/** Cut stacks of combining marks to the first few. */
function unstack(line) {
  let marks = 0;
  let kept = "";
  for (const char of line) {
    if (MARK.test(char)) {
      if (++marks > MARKS_IN_A_ROW) continue;
    } else if (!BETWEEN_MARKS.test(char)) marks = 0;
    kept += char;
  }
  return kept;
}
