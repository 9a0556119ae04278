"""The Python interface, which `models` offers: data, training and evaluation in a few calls."""
