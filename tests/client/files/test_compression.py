"""Bytes of compressed files, and files that are something else than their suffix says."""

import gzip
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from highway_client.errors import FileError
from highway_client.files.compression import check_kind, compression, inner_suffix, pieces

TEXT = b"v,y\n1,a\n"


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def zstandard(path: Path, content: bytes) -> Path:
    with pa.output_stream(str(path), compression="zstd") as stream:
        stream.write(content)
    return path


WRITERS: dict[str, Callable[[Path, bytes], Path]] = {
    "t.csv": written,
    "t.csv.gz": lambda path, content: written(path, gzip.compress(content, mtime=0)),
    "T.CSV.GZ": lambda path, content: written(path, gzip.compress(content, mtime=0)),
    "t.csv.zip": lambda path, content: zipped(path, {"t.csv": content}),
    "t.csv.zst": zstandard,
}


@pytest.mark.parametrize("name", WRITERS)
def test_bytes_come_back_from_each_compression(name: str, tmp_path: Path) -> None:
    content = TEXT + os.urandom(200_000)
    path = WRITERS[name](tmp_path / name, content)
    check_kind(path, name)
    assert b"".join(pieces(path, name)) == content


def test_the_parts_of_a_gzip_file_are_joined(tmp_path: Path) -> None:
    path = written(tmp_path / "t.gz", gzip.compress(b"v,y\n", mtime=0) + gzip.compress(b"1,a\n"))
    assert b"".join(pieces(path, "t.gz")) == TEXT


def test_files_that_systems_add_to_a_zip_file_are_passed_over(tmp_path: Path) -> None:
    members = {"data/": b"", "data/t.csv": TEXT, "__MACOSX/data/._t.csv": b"x", ".DS_Store": b"x"}
    path = zipped(tmp_path / "t.zip", members)
    assert b"".join(pieces(path, "t.zip")) == TEXT


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("t.csv", None), ("t.csv.gz", ".gz"), ("t.ZIP", ".zip"), ("gz", None), ("t.zst", ".zst")],
)
def test_the_suffix_shows_the_compression(name: str, suffix: str | None) -> None:
    assert compression(name) == suffix


def test_the_suffix_of_the_text_is_the_inner_one(tmp_path: Path) -> None:
    assert inner_suffix(tmp_path / "t.TSV", "") == ".tsv"
    assert inner_suffix(tmp_path / "t.tsv.gz", "") == ".tsv"
    assert inner_suffix(zipped(tmp_path / "t.zip", {"t.tsv": TEXT}), "") == ".tsv"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (gzip.compress(TEXT, mtime=0), "a gzip file; name it 't.csv.gz'"),
        (b"\x28\xb5\x2f\xfd....", "a Zstandard file; name it 't.csv.zst'"),
        (b"PAR1....", "a Parquet file; name it 't.parquet'"),
        (b"ARROW1\0\0", "an Arrow file; name it 't.feather'"),
        (b"\x93NUMPY\1\0", "a NumPy file; name it 't.npy'"),
        (b"\xd0\xcf\x11\xe0\xa1", "an Excel file of the form before 2007; save the table as CSV"),
        (b"SQLite format 3\0", "an SQLite database; save the table as CSV"),
        (b"%PDF-1.7", "a PDF file; save the table as CSV"),
        (b"<!DOCTYPE html>\n", "an HTML page; save the table as CSV"),
        (b'{"v": 1}\n{"v": 2}\n', "a JSON file; save the table as CSV"),
        (b"BZh91AY", "a bzip2 file; save the table as CSV"),
    ],
)
def test_other_bytes_under_the_name_of_text_are_named(
    content: bytes, found: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "t.csv", content)
    with pytest.raises(FileError, match=f"^t: expected text, found {re.escape(found)}$"):
        check_kind(path, "t")


@pytest.mark.parametrize(
    ("member", "found"),
    [
        ("t.csv", "a zip file; name it 't.csv.zip'"),
        ("xl/workbook.xml", "an Excel workbook; name it 't.xlsx'"),
        ("content.xml", "an OpenDocument file; save the table as CSV"),
    ],
)
def test_the_members_of_a_zip_file_show_what_it_is(member: str, found: str, tmp_path: Path) -> None:
    path = zipped(tmp_path / "t.csv", {member: TEXT})
    with pytest.raises(FileError, match=f"^t: expected text, found {re.escape(found)}$"):
        check_kind(path, "t")


def test_a_real_parquet_file_under_the_name_of_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    pyarrow.parquet.write_table(pa.table({"v": [1]}), path)
    with pytest.raises(FileError, match=r"found a Parquet file; name it 't\.parquet'"):
        check_kind(path, "t")


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("t.csv.gz", TEXT, "one that is not"),
        ("t.zip", gzip.compress(TEXT, mtime=0), "a gzip file"),
        ("t.zst", b"", "one that is not"),
    ],
)
def test_other_bytes_under_the_name_of_a_compressed_file_are_named(
    name: str, content: bytes, found: str, tmp_path: Path
) -> None:
    suffix = Path(name).suffix
    with pytest.raises(FileError) as caught:
        check_kind(written(tmp_path / name, content), "t")
    assert str(caught.value) == (
        f"t: expected a compressed file as the suffix {suffix!r} says, found {found}; give it the "
        "suffix of what it is"
    )


def test_a_workbook_is_no_compressed_text(tmp_path: Path) -> None:
    path = zipped(tmp_path / "t.csv.zip", {"xl/workbook.xml": b""})
    with pytest.raises(FileError, match="found an Excel workbook; give it the suffix"):
        check_kind(path, "t")


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, "0 files; extract"),
        ({"a.csv": TEXT, "b.csv": TEXT}, "2 files ('a.csv', 'b.csv'); extract"),
        (dict.fromkeys("abcdef", TEXT), "6 files ('a', 'b', 'c', 'd', 'e', …); extract"),
    ],
)
def test_a_zip_file_holds_one_table(members: dict[str, bytes], found: str, tmp_path: Path) -> None:
    path = zipped(tmp_path / "t.zip", members)
    message = f"t: expected a zip file of one table, found {found} the table"
    with pytest.raises(FileError, match=re.escape(message)):
        list(pieces(path, "t"))
    with pytest.raises(FileError, match=re.escape(message)):
        inner_suffix(path, "t")


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zip", "t.csv.zst"])
def test_a_cut_file_is_damaged(name: str, tmp_path: Path) -> None:
    path = WRITERS[name](tmp_path / name, TEXT + os.urandom(100_000))
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(FileError, match=r"^t: the compressed file is damaged \(.+\); write it"):
        list(pieces(path, "t"))


def test_a_changed_file_is_damaged(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(TEXT * 1000, mtime=0))
    content[30] ^= 0xFF
    path = written(tmp_path / "t.gz", bytes(content))
    with pytest.raises(FileError, match="damaged"):
        list(pieces(path, "t"))


def test_an_encrypted_zip_file_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "t.zip", {"t.csv": TEXT}).read_bytes())
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(header) + flags] |= 1
    path = written(tmp_path / "t.zip", bytes(content))
    with pytest.raises(FileError, match=r"^t: the zip file is encrypted; extract the table$"):
        list(pieces(path, "t"))


def test_a_folder_and_a_pipe_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path, tmp_path / "pipe.csv"):
        with pytest.raises(FileError, match=r"^t: expected a file, found a folder, a pipe or"):
            check_kind(path, "t")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"^t: cannot be read: No such file or directory$"):
        check_kind(tmp_path / "t.csv", "t")
