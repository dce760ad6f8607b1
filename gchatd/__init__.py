"""The parts of gchat, a chat server for terminals, browsers and scripts. What you run is gchat.py, one folder up."""

__version__ = "0.1.0"
