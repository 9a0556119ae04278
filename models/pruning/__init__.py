"""Pruning: remove idle layers, constant gates and dead units from a trained network."""
