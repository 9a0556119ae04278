from pathlib import Path

from models.data.source import Source, load
from models.overview import overview_lines


def test_a_table_is_summed_up_in_a_few_lines(tmp_path: Path) -> None:
    lines = [
        f"{n if n % 5 else ''};{'ab'[n % 2]};1;2026-01-{n + 1:02};{'yn'[n // 15]}"
        for n in range(20)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["age;kind;one;day;y", *lines]))
    source = Source.of(str(tmp_path / "t.csv"), target="y", columns={"day": "date"})
    assert overview_lines(load(source)) == [
        "t.csv: 20 rows of 4 columns (2 numbers, 1 dates, 1 categories)",
        "labels: 'y' 75.0%, 'n' 25.0%",
        "missing values: 'age' 4",
        "note: t.csv: its columns are separated by semicolons",
        "warning: column 'one': constant",
        "warning: the label 'n' has fewer than 10 rows",
    ]


def test_images_have_their_size_and_unit() -> None:
    first, second = overview_lines(load(Source.of("digits")))
    assert first == "digits: 1797 rows of images of 8×8, brightness 0 to 16"
    assert second.startswith("labels: '3' 10.2%, '1' 10.1%, ")


def test_control_characters_of_data_are_escaped(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},{'ab'[n % 2]}\x1b[31m" for n in range(20))
    (tmp_path / "t.csv").write_text(f"n,y\n{rows}\n")
    assert "\x1b" not in "".join(
        overview_lines(load(Source.of(str(tmp_path / "t.csv"), target="y")))
    )
