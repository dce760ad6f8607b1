"""What a chat is: events, the state that they make, and what people can do. Pure: see docs/architecture.md."""
