"""One client must not spoil it for the others: RFC 6455 §10.4, Protocol §4 and §6."""
