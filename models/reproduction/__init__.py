"""The papers' experiments, each re-run by `highway reproduce NAME`.

It may import all other parts of `models`; only the commands import it.
"""
