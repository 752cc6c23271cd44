"""What the command line offers, each command by itself."""
