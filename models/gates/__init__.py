"""Analysis of a trained network's gates: statistics, lesions, typicality, pictures."""
