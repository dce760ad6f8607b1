"""Throws bytes at the telnet wire, negotiation and line editor, and holds them to what they promise.

    python tests/fuzz/terminal.py -dict=tests/fuzz/terminal.dict -max_total_time=600      (make fuzz)

Needs atheris (coverage-guided). `check` is what tests/test_lineedit.py calls with hypothesis, too.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

LIMIT = 256
MOST_LINES = 8


def check(data: bytes) -> None:  # noqa: C901
    """Feed a client's bytes, cut into pieces as the first of them says, as the door does."""
    wire = TelnetWire(LIMIT)
    cuts, data = data[:4], data[4:]
    sizes = [1 + cut % 61 for cut in cuts] or [len(data) + 1]
    at = turn = 0
    if cuts[:1] >= b"\x80":
        wire.probe()
    if cuts[:1] >= b"\xe0":
        wire.edit(LineEditor(LIMIT, MOST_LINES, 20, 5))
    while at < len(data):
        piece = data[at : at + sizes[turn % len(sizes)]]
        at, turn = at + len(piece), turn + 1
        typed, reply = wire.feed(piece, complete)
        # History and what was killed make long lines of few keys, each at most of the limit.
        assert len(reply) <= (8 * LIMIT + 200) * (len(piece) + 2), len(reply)
        negotiation = wire.negotiation
        if negotiation is not None:
            assert len(negotiation.names) <= MOST_NAMES
            if negotiation.stage == "rich" and wire.editor is None:
                wire.edit(LineEditor(LIMIT, MOST_LINES, negotiation.columns, negotiation.height))
            elif negotiation.stage == "line" and wire.editor is not None:
                wire.edit_no_more()
        editor = wire.editor
        for line in typed:
            if isinstance(line, str) and editor is not None and line != TOO_LONG:
                assert not any(char < " " and char != "\n" for char in line), line
        if editor is not None:
            assert len(editor.text.encode()) <= LIMIT
            assert "\x1b" not in editor.text
            framed = editor.framed(b"Bob : hi\r\n")
            assert b"Bob : hi\r\n" in editor.around(framed)
            if turn % 7 == 0:
                editor.resize(len(piece) * 7 % 50, turn % 30)


def complete(before: str) -> Completions:
    start = max(before.rfind(" "), before.rfind("\n")) + 1
    names = ["Alice: ", "alina: ", "Ålice: ", "さくら: "]
    return Completions.of(start, [name for name in names if name.casefold().startswith(before[start:].casefold())])


def main() -> None:
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    import atheris

    with atheris.instrument_imports():
        from gchatd.wire.lineedit import Completions, LineEditor
        from gchatd.wire.negotiation import MOST_NAMES
        from gchatd.wire.telnet import TelnetWire
        from gchatd.wire.typed import TOO_LONG
    main()
else:
    from gchatd.wire.lineedit import Completions, LineEditor
    from gchatd.wire.negotiation import MOST_NAMES
    from gchatd.wire.telnet import TelnetWire
    from gchatd.wire.typed import TOO_LONG
