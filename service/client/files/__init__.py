"""Files whose rows the command sends: JSON, CSV, arrays and pictures."""
