"""Implementations of the commands, one module each, and their shared options."""
