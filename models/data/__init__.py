"""Readers that turn each kind of data into one `Dataset` with a fixed split."""
