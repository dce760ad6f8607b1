"""The door for browsers, scripts and bots: HTTP, and WebSockets on it. See docs/protocol.md and docs/http.md."""
