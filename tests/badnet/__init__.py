"""The suite through bad networks: what a network does to a conversation changes no verdict."""
