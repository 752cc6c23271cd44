"""The verbs of a test: the peer, and the client of the permissions protocol with its dialects."""
