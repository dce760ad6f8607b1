"""Objects whose state can be written down and put back, as an upgrade does that hands connections to a new process.

Knows nothing of wires. Every field of a `Written` dataclass is part of its state, so nobody can add one and forget it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from typing import Self


class Written:
    """The base of a dataclass that can be written down. Its fields hold plain values, collections of them, or others
    of its kind; their types must be there at run time. (A `msgspec.Struct` may have one as a field.)
    """

    __slots__ = ()

    def state(self) -> dict[str, Any]:
        """Return all fields by name, as values that JSON can hold. Bytes become base64 text."""
        state: dict[str, Any] = msgspec.to_builtins(self)
        return state

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Self:
        """Make one that goes on just as the one that gave this state would. The state may have been JSON meanwhile.

        It may come from another version of the program: a field that the state lacks gets its default, one that only
        the state has is ignored. Raises `msgspec.ValidationError` for a value that does not fit its field.
        """
        return msgspec.convert(state, cls)
