"""Text in any encoding, and notes on how it was found."""

from pathlib import Path

import pytest
from highway_client.errors import FileError
from highway_client.files.text_files import TextFile, open_text

TEXT = "name,y\r\nMüller,a\r\n"


def opened(folder: Path, content: bytes, encoding: str | None = None) -> TextFile:
    (folder / "t.csv").write_bytes(content)
    return open_text(folder / "t.csv", "t", encoding)


def test_utf_8_needs_no_note(tmp_path: Path) -> None:
    for mark in ("", "\ufeff"):
        file = opened(tmp_path, (mark + TEXT).encode())
        assert "".join(file.decoded()) == TEXT
        assert file.notes == ()


def test_a_second_byte_order_mark_is_ignored_with_a_note(tmp_path: Path) -> None:
    file = opened(tmp_path, ("\ufeff\ufeff" + TEXT).encode())
    assert "".join(file.decoded()) == TEXT
    assert file.notes == ("t: ignored a second byte order mark at the beginning",)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_and_32_are_read_with_a_note(encoding: str, tmp_path: Path) -> None:
    file = opened(tmp_path, TEXT.encode(encoding))
    assert "".join(file.decoded()) == TEXT
    assert file.notes == (f"t: read as {encoding.upper()}; --encoding names another encoding",)


def test_cp1252_is_read_with_a_note_that_names_the_line(tmp_path: Path) -> None:
    file = opened(tmp_path, TEXT.encode("cp1252"))
    assert "".join(file.decoded()) == TEXT
    assert file.notes == (
        "t: read as cp1252 (Latin-1 of Windows), because line 2 is not UTF-8; --encoding names "
        "another encoding",
    )


def test_a_given_encoding_decides(tmp_path: Path) -> None:
    file = opened(tmp_path, "city,y\nМосква,a\n".encode("cp1251"), "windows-1251")
    assert "".join(file.decoded()) == "city,y\nМосква,a\n"
    assert file.notes == ()


def test_wrong_bytes_for_a_given_encoding_name_their_line(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        list(opened(tmp_path, TEXT.encode("cp1252"), "utf-8").decoded())
    assert str(caught.value) == (
        "t, line 2: expected text in the encoding 'utf-8', found the byte 0xfc; name another one "
        "with --encoding"
    )
    with pytest.raises(FileError, match=r"^t, line 1: .* 'utf-16', found"):
        list(opened(tmp_path, b"v,y\n1", "utf-16").decoded())


def test_a_zero_byte_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        list(opened(tmp_path, b"v,y\n" * 20 + b"1,\0\n").decoded())
    assert str(caught.value) == (
        "t, line 21: expected text, found a zero byte; save the table as text again, or name its "
        "encoding with --encoding"
    )


def test_letters_are_not_cut_between_pieces(tmp_path: Path) -> None:
    text = "x" + "€" * 100_000
    assert "".join(opened(tmp_path, text.encode()).decoded()) == text
