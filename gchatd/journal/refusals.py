"""Why a question about history is refused: values, which a door puts into words."""

from __future__ import annotations

from ..errors import Refusal


class HistoryUnreadable(Refusal, frozen=True):
    """The history cannot be read; `why`, in a few words of the system's, without a path."""

    why: str


class TooManySearches(Refusal, frozen=True):
    """Too many people are searching just now; a moment later it may work."""


class SearchTooSlow(Refusal, frozen=True):
    """The search was given up because it took too long; rarer words are found sooner."""


class NothingToSearchFor(Refusal, frozen=True):
    """There is no word in the `words` to search for."""

    words: str


class TooManyWords(Refusal, frozen=True):
    """More words to search for at once than the `most` that are allowed."""

    most: int
