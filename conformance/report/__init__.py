"""Verdicts and reports. All are fed by the results of tests; they do not know each other."""
