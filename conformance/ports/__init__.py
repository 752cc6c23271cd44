"""Who holds a port, which process tree they belong to, and whether two answers come from one service."""
