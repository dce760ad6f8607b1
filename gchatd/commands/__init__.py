"""What people can ask for: one table (table.py), and a handler for each command. Knows no sockets and no wire."""

from __future__ import annotations

from .command import Command
from .table import COMMANDS, check_is_no_command, run

__all__ = ["COMMANDS", "Command", "check_is_no_command", "run"]
