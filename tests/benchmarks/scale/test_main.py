"""The command line."""

import sys

import pytest

from benchmarks.scale.__main__ import main


def test_without_an_option_it_says_what_was_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["scale"])
    with pytest.raises(SystemExit, match="expected --calibrate, --validate or --write"):
        main()
