"""One node's connection to a model of the store, on which things get lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gchatd.cluster.store import StoreGone

if TYPE_CHECKING:
    from collections.abc import Callable

    from storemodel import Model

    from gchatd.cluster.store import Entry


class Link:
    """One node's connection to a model. What can happen to it is decided by `fails`, each time it asks."""

    def __init__(self, model: Model, pause: Callable[[], None], fails: Callable[[str], str]) -> None:
        """`pause` is called where others may act; `fails` says what gets lost: the request, the answer, or nothing."""
        self._model = model
        self._pause = pause
        self._fails = fails
        self._start = 0  # at which the model was connected to; 0: not connected

    @property
    def connected(self) -> bool:
        return self._start == self._model.starts

    def connect(self) -> None:
        self._pause()
        self._start = self._model.starts
        if self._fails("connect"):
            self.gone()

    def gone(self) -> None:
        self._start = 0
        raise StoreGone("the connection is lost")

    def read(self, after: int, most: int) -> list[Entry]:
        found: list[Entry] = self._do("entries", after, most)
        return found

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda *args: self._do(operation, *args)

    def _do(self, operation: str, *args: Any) -> Any:
        self._pause()
        if not self.connected:
            self.gone()
        fault = self._fails(operation)
        if fault == "request":
            self.gone()
        elif fault == "late":  # it is done when nobody waits for it any more
            self.on_late(lambda: getattr(self._model, operation)(*args))
            self.gone()
        answer = getattr(self._model, operation)(*args)
        self.on_done(operation, answer)
        if fault == "answer":
            self.gone()
        if fault == "slow":
            self._pause()
            if not self.connected:
                self.gone()
        return answer

    on_late: Callable[[Callable[[], Any]], None] = lambda _: None
    on_done: Callable[[str, Any], None] = lambda *_: None
