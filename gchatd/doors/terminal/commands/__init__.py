"""Commands: one table (table.py), and a handler for each. Knows no sockets and no bytes."""

from __future__ import annotations

from .command import Command
from .table import COMMANDS, check_is_no_command, run

__all__ = ["COMMANDS", "Command", "check_is_no_command", "run"]
