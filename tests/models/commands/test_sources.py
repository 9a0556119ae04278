from pathlib import Path

import pytest

from models.commands.options import SourceOptions
from models.commands.sources import chosen_source
from models.data.source import KINDS
from models.errors import ConfigError
from service.contract import TextFormat


def test_options_describe_a_source(tmp_path: Path) -> None:
    source = chosen_source(
        SourceOptions(
            data=str(tmp_path / "t.csv"),
            target="y",
            exclude=["id"],
            column=["age=number", "when=date"],
            missing="-, ?",
            decimal=",",
            delimiter="tab",
            encoding="cp1252",
            keep_spaces=True,
            validation_share=0.2,
        )
    )
    assert (source.data, source.target) == (str(tmp_path / "t.csv"), "y")
    assert (source.exclude, source.validation_share) == (("id",), 0.2)
    assert source.text == TextFormat(
        columns=(("age", "number"), ("when", "date")),
        missing=("-", "?"),
        decimal=",",
        delimiter="\t",
        encoding="cp1252",
        keep_spaces=True,
    )


def test_without_options_nothing_is_declared() -> None:
    assert chosen_source(SourceOptions(data="digits")).text == TextFormat()


def test_data_are_required() -> None:
    with pytest.raises(ConfigError) as error:
        chosen_source(SourceOptions())
    assert str(error.value) == f"DATA: missing; give {KINDS}"
