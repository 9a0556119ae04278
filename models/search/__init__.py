"""Hyper-parameter search: many short trainings, ranked by validation loss."""
