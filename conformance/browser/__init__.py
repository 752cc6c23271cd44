"""What a real browser sees: which one is there, how it is started, and the page under test."""
