"""Reading the settings again while the server runs (SIGHUP): what can change does, the log names what cannot."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from ..errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..settings import Settings

logger = logging.getLogger(__name__)

AT_ONCE = frozenset(
    f"{section}.{option}"
    for section, options in {
        "server": "clients greet_after motd proxies",
        "limits": "sendq stalled_seconds flood burst lines_per_second bytes_per_second flood_seconds questions "
        "questions_per_minute per_address exempt login_seconds idle",
        "telnet": "mode",
        "tls": "certificate key required",
        "web": "origins compression",
        "log": "level",
    }.items()
    for option in options.split()
)
"""The settings that change without a restart. The certificate and the message of the day are read anew in any case:
their files may have changed.
"""


class Reloading:
    """The settings as they are, and how to read them again."""

    def __init__(
        self, settings: Settings, read: Callable[[], Settings], *configure: Callable[[Settings], None]
    ) -> None:
        """`read` reads them; each of `configure` makes the server go by them from now on.

        `read` may raise ConfigError, and so may the first of `configure`, if it has changed nothing then.
        """
        self._settings = settings
        self._read = read
        self._configure = configure
        self.refused = False
        """Whether the settings that were read last are wrong."""

    def reload(self) -> None:
        """Read the settings again. If anything is wrong with them, the log says so, and nothing changes."""
        try:
            read = self._read()
            changed = sorted(_differences(self._settings, read))
            settings = _with(self._settings, read, [name for name in changed if name in AT_ONCE])
            for configure in self._configure:
                configure(settings)
        except ConfigError as error:
            logger.error("the settings stay as they are: %s", error)
            self.refused = True
            return
        self.refused = False
        self._settings = settings
        now = [name for name in changed if name in AT_ONCE]
        logger.info("settings read again; changed: %s", ", ".join(now) or "nothing")
        later = [name for name in changed if name not in AT_ONCE]
        if later:
            logger.warning("these settings change when the server is started again: %s", ", ".join(later))


def _differences(one: Settings, other: Settings) -> Iterator[str]:
    """Yield the settings in which two differ, as SECTION.OPTION."""
    for section in one.__struct_fields__:
        ours, theirs = getattr(one, section), getattr(other, section)
        if isinstance(ours, msgspec.Struct):
            for option in ours.__struct_fields__:
                if getattr(ours, option) != getattr(theirs, option):
                    yield f"{section}.{option}"


def _with(old: Settings, new: Settings, names: list[str]) -> Settings:
    """Return settings with the values of `new` for those of these names, and those of `old` for all others."""
    for name in names:
        section, option = name.split(".")
        value = getattr(getattr(new, section), option)
        part = msgspec.structs.replace(getattr(old, section), **{option: value})
        old = msgspec.structs.replace(old, **{section: part})
    return msgspec.structs.replace(old, sources=new.sources)
