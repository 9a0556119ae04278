"""Detection of atypical inputs by typicality; docs/measurements/typicality.md has the results."""
