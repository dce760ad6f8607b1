"""What anybody may take of what all share: how fast they ask, how often they connect. Knows no sockets."""
