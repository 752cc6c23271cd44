"""The suite against servers of others: one matrix of what each breaks, and whether verdicts stay the same."""
