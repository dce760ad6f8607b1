"""Bytes in, lines and replies out. Nothing here does any I/O, and nothing here knows who is talking to whom."""
