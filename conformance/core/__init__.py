"""What everything else may use: errors, secrets to mask, text that a terminal may show."""
