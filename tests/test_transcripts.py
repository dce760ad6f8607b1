"""Plays every file in tests/transcripts, to plain clients and to terminals."""

from __future__ import annotations

import pytest
from people import ROOT, Person
from transcript import Play, RichPerson


@pytest.mark.parametrize("enter", [Person, RichPerson], ids=["plain", "rich"])
@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/transcripts/*.txt")), ids=lambda path: path.stem)
def test_everybody_sees_what_the_transcript_says(path, enter, start, tmp_path):
    play = Play(lambda: start(data=tmp_path), enter)
    try:
        play.plays(path)
    finally:
        play.closes()
