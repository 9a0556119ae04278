"""Readers of the files whose rows `highway predict` sends."""
