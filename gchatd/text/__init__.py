"""What people write: cleaned, named, timed and laid out. Knows text; no bytes, no people."""
