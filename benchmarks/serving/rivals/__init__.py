"""Servers to compare with: their programs, and the commands that start them."""
