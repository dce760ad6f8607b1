"""What was said last, and whether it can be changed."""

from __future__ import annotations

import pytest

from gchatd.errors import UserError
from gchatd.events import Said
from gchatd.lastsaid import LastSaid


@pytest.mark.parametrize("after", [lambda last: last.tells("Ben"), LastSaid.refuses], ids=["told one", "not sent"])
def test_a_line_that_is_heard_late_does_not_become_what_was_said_last(after):
    last = LastSaid()
    last.says()
    after(last)  # while the line before is on its way
    last.remember(Said(id=1, room="lobby", name="Ann", text="hello"))
    with pytest.raises(UserError):
        last.changeable()


def test_what_is_on_its_way_cannot_be_changed_yet_and_then_it_can():
    last, said = LastSaid(), Said(id=1, room="lobby", name="Ann", text="hello")
    last.says()
    with pytest.raises(UserError, match="not sent"):
        last.changeable()
    last.remember(said)
    assert last.changeable() is said
