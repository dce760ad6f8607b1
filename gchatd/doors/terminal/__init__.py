"""The door for terminals: telnet, nc, and anything else that sends lines."""
