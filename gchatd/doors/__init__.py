"""One module per kind of client. A door takes an accepted socket, speaks its wire, and renders events for it."""
