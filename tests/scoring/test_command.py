"""`highway score`: its output, and one sentence for every mistake."""

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

from scoring.command import summary
from scoring.joining import Totals
from tests.scoring.conftest import ROWS, Score, people


def last_line(text: str) -> str:
    return text.splitlines()[-1]


def test_the_scores_have_the_names_of_highway_predict_and_the_models_in_the_metadata(
    tmp_path: Path, text: Path, score: Score
) -> None:
    done = score(text, "--keep", "name", "--keep", "income")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "scores.parquet"
    assert done.stdout.startswith(f"{out}: scored 1,000 rows in ")
    assert "; labels: " in done.stdout
    scores = parquet.read_table(out)
    assert scores.column_names == [
        *("row", "label", "probability", "probability_a", "probability_b", "probability_c"),
        *("typicality_gates", "typicality_confidence", "typicality_combined"),
        *("highway 1", "highway 2", "name", "income"),
    ]
    assert scores["row"].to_pylist() == list(range(1, ROWS + 1))
    assert scores["name"].to_pylist() == people()["name"].to_pylist()
    assert {str(scores.schema.field(i).type) for i in range(2, 11)} == {"float"}
    metadata = scores.schema.metadata
    assert (metadata[b"highway.name"], metadata[b"highway.version"]) == (b"tiny", b"1")
    assert len(metadata[b"highway.digest"]) == 64


def test_one_row_has_the_values_worked_by_hand(tmp_path: Path, score: Score) -> None:
    data = tmp_path / "one.csv"
    data.write_text("age,job,member,income\n1,nurse,false,0\n")
    assert score(data).returncode == 0
    (row,) = parquet.read_table(tmp_path / "scores.parquet").to_pylist()
    e = np.exp([1.0, 0.0, 0.0])
    assert (row["row"], row["label"]) == (1, "a")
    assert row["probability_b"] == pytest.approx(1 / e.sum(), abs=1e-6)
    assert row["highway 1"] == pytest.approx((0.7310586 + 0.5) / 2, abs=1e-6)
    assert row["highway 2"] == pytest.approx(0.5)


def as_gzip(table: pa.Table, folder: Path) -> Path:
    path = folder / "people.csv.gz"
    csv.write_csv(table, folder / "plain.csv")
    path.write_bytes(gzip.compress((folder / "plain.csv").read_bytes()))
    return path


def as_utf16(table: pa.Table, folder: Path) -> Path:
    path = folder / "people16.csv"
    csv.write_csv(table, path)
    path.write_text(path.read_text(), encoding="utf-16")
    return path


def as_tsv_with_odd_quotes(table: pa.Table, folder: Path) -> Path:
    path = folder / "people.tsv"
    names = [f'{name}, 5" tall' for name in table["name"].to_pylist()]
    rows = zip(names, *(table[name].to_pylist() for name in table.column_names[1:]), strict=True)
    lines = ("\t".join("" if v is None else str(v) for v in row) for row in rows)
    path.write_text("\n".join(["\t".join(table.column_names), *lines]))
    return path


def as_folder(table: pa.Table, folder: Path) -> Path:
    path = folder / "parts"
    path.mkdir()
    for number, start in enumerate((0, 400, 500)):
        stop = (400, 500, ROWS)[number]
        parquet.write_table(table.slice(start, stop - start), path / f"{number}.parquet")
    return path


def as_feather(table: pa.Table, folder: Path) -> Path:
    feather.write_feather(table, folder / "people.feather", chunksize=300)
    return folder / "people.feather"


def as_array(table: pa.Table, folder: Path) -> Path:
    columns = [
        table["age"].to_numpy(),
        [("nurse", "teacher", "pilot").index(job) for job in table["job"].to_pylist()],
        table["member"].to_numpy(),
        table["income"].to_numpy(),
    ]
    np.savez(folder / "people.npz", x=np.array(columns, np.float64).T)
    return folder / "people.npz"


@pytest.mark.parametrize(
    "write", [as_gzip, as_utf16, as_tsv_with_odd_quotes, as_folder, as_feather, as_array]
)
def test_the_same_rows_in_any_format_have_the_same_scores(
    write: Callable[[pa.Table, Path], Path], tmp_path: Path, typed: Path, score: Score
) -> None:
    assert score(typed, "--part-rows", "77").returncode == 0
    expected = parquet.read_table(tmp_path / "scores.parquet")
    out = tmp_path / "other.parquet"
    done = score(write(people(), tmp_path), "--part-rows", "90", out=out)
    assert done.returncode == 0, done.stderr
    found = parquet.read_table(out)
    assert found.drop_columns(["row"]).num_rows == ROWS
    for name in found.column_names:
        if name.startswith(("prob", "typ", "high")):
            assert np.allclose(found[name].to_numpy(), expected[name].to_numpy(), atol=1e-6)
        else:
            assert found[name].to_pylist() == expected[name].to_pylist()


def test_pictures_are_named_by_their_files(
    tmp_path: Path, pictures: Path, image_model: Path, score: Score
) -> None:
    assert score(pictures, model=image_model).returncode == 0
    files = parquet.read_table(tmp_path / "scores.parquet")["file"].to_pylist()
    assert (len(files), files[0], files[-1]) == (70, "00.png", "more/69.png")


def test_an_unreadable_picture_stops_and_keeps_what_is_finished(
    tmp_path: Path, pictures: Path, image_model: Path, score: Score
) -> None:
    bad = pictures / "more" / "69.png"
    bad.write_bytes(b"no picture")
    options = ("--part-rows", "10")
    stopped = score(pictures, *options, model=image_model)
    folder = tmp_path / "scores.parquet.parts"
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert last_line(stopped.stderr).startswith(f"error: {bad}: ")
    assert last_line(stopped.stderr).endswith(
        f"; 6 of 7 parts are finished and kept in {folder}; the same command continues, and with "
        "--on-error keep also past rows that cannot be read"
    )
    kept = score(pictures, *options, "--on-error", "keep", model=image_model)
    assert kept.returncode == 1
    assert last_line(kept.stderr).startswith("error: 1 of 70 rows have no scores")
    whole = parquet.read_table(tmp_path / "scores.parquet")
    assert whole["error"].null_count == 69
    assert whole["file"].to_pylist()[-1] == "more/69.png"
    again = score(pictures, *options, "--force", model=image_model)
    assert last_line(again.stderr).startswith(f"error: {bad}: ")


def test_an_unreadable_picture_is_kept_with_its_error(
    tmp_path: Path, pictures: Path, image_model: Path, score: Score
) -> None:
    bad = pictures / "more" / "35.png"
    bad.write_bytes(b"no picture")
    done = score(pictures, "--on-error", "keep", model=image_model)
    assert done.returncode == 1
    assert last_line(done.stderr).startswith(
        "error: 1 of 70 rows have no scores, as their column 'error' says; the first: "
    )
    rows = parquet.read_table(tmp_path / "scores.parquet").to_pylist()
    (wrong,) = [row for row in rows if row["error"] is not None]
    assert wrong["file"] == "more/35.png"
    assert wrong["error"].startswith(f"{bad}: ")
    assert wrong["label"] is wrong["probability"] is wrong["highway 1"] is None
    assert len(rows) == 70
    assert all(row["label"] for row in rows if row is not wrong)


@pytest.fixture
def spoilt(text: Path) -> Path:
    """People, of whom row 700 has an age that is no number."""
    lines = text.read_text().splitlines()
    cells = lines[700].split(",")
    cells[2] = "old"  # the name has a comma in quotes
    lines[700] = ",".join(cells)
    text.write_text("\n".join(lines))
    return text


def test_a_bad_cell_is_an_error_with_its_line_and_column(
    tmp_path: Path, spoilt: Path, score: Score
) -> None:
    stopped = score(spoilt, "--part-rows", "100")
    folder = tmp_path / "scores.parquet.parts"
    assert stopped.returncode == 1
    assert last_line(stopped.stderr) == (
        f"error: {spoilt}, line 701, column 'age': expected a number, found 'old'; 7 of 11 parts "
        f"are finished and kept in {folder}; the same command continues, and with --on-error keep "
        "also past rows that cannot be read"
    )


def test_a_bad_cell_is_kept_with_its_error(tmp_path: Path, spoilt: Path, score: Score) -> None:
    assert score(spoilt, "--on-error", "keep", "--id", "name").returncode == 1
    rows = parquet.read_table(tmp_path / "scores.parquet").to_pylist()
    assert [row["name"] for row in rows if row["error"]] == ["person 699, of 1000"]
    assert rows[699]["error"] == (
        f"{spoilt}, line 701, column 'age': expected a number, found 'old'"
    )


def test_a_bad_value_of_parquet_is_an_error_with_its_row_and_column(
    tmp_path: Path, score: Score
) -> None:
    jobs = people()["job"].to_pylist()
    jobs[699] = "astronaut"
    table = people().set_column(2, "job", pa.array(jobs))
    data = tmp_path / "people.parquet"
    parquet.write_table(table, data, row_group_size=300)
    message = (
        f"{data}: column 'job', row 700: expected one of 'nurse', 'teacher', 'pilot', found "
        "'astronaut'"
    )
    assert last_line(score(data).stderr).startswith(f"error: {message}")
    assert score(data, "--on-error", "keep", "--restart").returncode == 1
    errors = parquet.read_table(tmp_path / "scores.parquet")["error"].to_pylist()
    assert [(i, e) for i, e in enumerate(errors, 1) if e] == [(700, message)]


def test_a_column_that_one_file_of_a_folder_lacks_is_an_error_before_any_row(
    tmp_path: Path, score: Score
) -> None:
    folder = as_folder(people(), tmp_path)
    part = parquet.read_table(folder / "1.parquet")
    parquet.write_table(part.drop_columns(["income"]), folder / "1.parquet")
    refused = score(folder)
    assert refused.returncode == 1
    assert last_line(refused.stderr) == (
        f"error: {folder / '1.parquet'}: expected the column 'income', found 'name', 'age', 'job', "
        "'member'"
    )
    assert not (tmp_path / "scores.parquet.parts").exists()


def test_numbers_that_a_server_refuses_are_an_error_of_their_row(
    tmp_path: Path, score: Score
) -> None:
    np.savez(tmp_path / "people.npz", x=np.array([[1, 0, 0, 1], [np.inf, 0, 0, 1]]))
    refused = score(tmp_path / "people.npz")
    assert last_line(refused.stderr) == (
        f"error: {tmp_path / 'people.npz'}, row 2, value 1: expected a number within float32's "
        "range or NaN, found inf"
    )


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("scores.csv", "--out: expected a file that ends with .parquet, found '{out}'"),
        ("none/s.parquet", "--out: expected an existing folder, found '{parent}'"),
        ("people.parquet", "--out: expected another file than the rows, found '{out}'"),
        (
            "old.parquet",
            "--out: expected a file that does not exist, found '{out}'; --force replaces it",
        ),
        ("folder.parquet", "--out: expected a file, found the folder '{out}'"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(
    out: str, message: str, tmp_path: Path, typed: Path, score: Score
) -> None:
    (tmp_path / "old.parquet").write_text("old")
    (tmp_path / "folder.parquet").mkdir()
    path = tmp_path / out
    refused = score(typed, out=path)
    assert refused.returncode == 1
    assert last_line(refused.stderr) == "error: " + message.format(out=path, parent=path.parent)
    assert (tmp_path / "old.parquet").read_text() == "old"


def test_force_replaces_an_existing_output(tmp_path: Path, typed: Path, score: Score) -> None:
    (tmp_path / "scores.parquet").write_text("old")
    assert score(typed, "--force").returncode == 0
    assert parquet.read_table(tmp_path / "scores.parquet").num_rows == ROWS


def test_an_output_inside_the_rows_is_refused(tmp_path: Path, score: Score) -> None:
    folder = as_folder(people(), tmp_path)
    refused = score(folder, out=folder / "scores.parquet")
    assert last_line(refused.stderr) == (
        f"error: --out: expected a file outside the folder of the rows, found "
        f"'{folder / 'scores.parquet'}'"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--id", "height"), "--id and --keep: expected the column 'height', found 'name', 'age'"),
        (("--id", "name", "--keep", "name"), "--id and --keep: expected each column once, found"),
        (("--invert",), "--invert: expected pictures, found people.parquet; omit the option"),
    ],
)
def test_options_that_do_not_fit_the_rows_are_refused(
    options: tuple[str, ...], message: str, typed: Path, score: Score
) -> None:
    refused = score(typed, *options)
    assert refused.returncode == 1
    assert message in last_line(refused.stderr)


def test_a_model_that_does_not_fit_the_rows_is_refused(
    typed: Path, pictures: Path, image_model: Path, score: Score
) -> None:
    assert last_line(score(typed, model=image_model).stderr) == (
        f"error: {typed}: expected a picture or an array, because the model reads images"
    )
    assert last_line(score(pictures).stderr) == (
        f"error: {pictures}: expected a table, such as .csv or .parquet, because the model reads "
        "tables"
    )
    assert last_line(score(pictures, "--id", "x", model=image_model).stderr) == (
        f"error: --id and --keep: expected a table with named columns, found '{pictures}'"
    )


def test_rows_or_a_model_that_are_not_there_are_refused(tmp_path: Path, score: Score) -> None:
    none, empty = tmp_path / "none.csv", tmp_path / "empty.csv"
    assert last_line(score(none).stderr) == (
        f"error: {none}: expected a file or a folder, found none"
    )
    empty.write_text("age,job,member,income\n")
    assert last_line(score(empty).stderr) == (
        f"error: {empty}: expected rows below the header line, found none"
    )
    requests = tmp_path / "rows.json"
    requests.write_text("[[1, 2, 3, 4]]")
    assert "found JSON, which is the form of requests" in score(requests).stderr
    model = tmp_path / "model.onnx"
    assert f"error: {model}: expected an .onnx file, found No such file" in (
        score(empty, model=model).stderr
    )


def test_columns_that_are_called_like_a_score_get_another_name(
    tmp_path: Path, score: Score
) -> None:
    table = people().append_column("label", people()["name"])
    data = tmp_path / "people.parquet"
    parquet.write_table(table, data)
    assert score(data, "--keep", "label").returncode == 0
    names = parquet.read_table(tmp_path / "scores.parquet").column_names
    assert names.count("label") == 1
    assert names[-1] == "input_label"


def test_the_last_sentence_has_the_rate_the_labels_and_the_share_of_atypical_rows() -> None:
    labels = Counter({"yes": 5, "no": 3, "maybe": 1, "never": 1, "unseen": 0})
    totals = Totals(rows=10, labels=labels, atypical=1, typical=9)
    assert summary(Path("scores.parquet"), totals, 4.0) == (
        "scores.parquet: scored 10 rows in 4.0 seconds (2 a second); labels: yes 50.0%, no 30.0%, "
        "maybe 10.0%, …; 10.0% have a typicality below 0.01"
    )
    one = Totals(rows=1, labels=Counter({"yes": 1}))
    assert summary(Path("scores.parquet"), one, 1.0) == (
        "scores.parquet: scored 1 row in 1.0 seconds (1 a second); labels: yes 100.0%"
    )
