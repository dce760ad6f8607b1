"""Bytes in, lines and replies out. Nothing here does I/O, or knows who is talking to whom."""
