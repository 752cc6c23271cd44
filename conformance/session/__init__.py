"""The permissions protocol from a client's side: its messages, and waiting for them."""
