"""The way out: from what the journal commits to the bytes that everybody is sent. To follow a line: fanout.py."""
