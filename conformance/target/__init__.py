"""The server under test: where it is, what it can do, how it is started, and how changes are caused."""
