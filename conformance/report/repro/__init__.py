"""Scripts that repeat what a test did, with the standard library alone."""
