"""The parts of gchat, a chat server for everyone with a terminal. What you run is gchat.py, one folder up."""

__version__ = "0.1.0"
