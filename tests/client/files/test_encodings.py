"""The encoding that the bytes of a file show."""

import codecs

import pytest
from highway_client.errors import FileError
from highway_client.files.encodings import (
    Lines,
    found_encoding,
    known_encoding,
    marked_encoding,
)
from hypothesis import given
from hypothesis import strategies as st


def pieces(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 9))
def test_utf_8_is_found_however_the_bytes_are_cut(text: str, size: int) -> None:
    assert found_encoding(pieces(text.encode(), size), "t") == ("utf-8", None)


@pytest.mark.parametrize("text", ["Müller", "garçon", "Ærø", "Straße", "Peña, Núñez", "größe"])
def test_western_letters_between_others_are_certainly_cp1252(text: str) -> None:
    content = f"name,y\r\nx,a\r\n{text},a\r\n".encode("cp1252")
    assert found_encoding([content], "t") == ("cp1252", 3)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Москва", "cp1251"),
        ("Москва", "koi8-r"),
        ("北京", "gbk"),
        ("東京", "shift_jis"),
        ("Αθήνα", "cp1253"),
        ("żółw, łąka", "cp1250"),
        ("Crème brûlée", "cp850"),
        ("20 °C", "latin-1"),
        ("ABC\x81", "latin-1"),
    ],
)
def test_other_bytes_are_refused_with_their_line(text: str, encoding: str) -> None:
    content = f"name,y\n{text},a\n".encode(encoding)
    with pytest.raises(FileError, match=r"^t, line 2: expected UTF-8, found the byte 0x.*; name"):
        found_encoding([content], "t")


def test_the_refusal_names_the_option() -> None:
    with pytest.raises(FileError) as caught:
        found_encoding([b"v,y\n\xff\xfe,a\n"], "t")
    assert str(caught.value) == (
        "t, line 2: expected UTF-8, found the byte 0xff; name the encoding with --encoding (for "
        "example cp1252), or save the file as UTF-8"
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_byte_order_mark_shows_the_encoding(encoding: str) -> None:
    assert marked_encoding("v,y\n".encode(encoding)) == encoding
    big = {"utf-16": codecs.BOM_UTF16_BE, "utf-32": codecs.BOM_UTF32_BE}[encoding]
    assert marked_encoding(big + "v".encode(encoding + "-be")) == encoding


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_zero_bytes_show_utf_16_without_a_mark(encoding: str) -> None:
    assert marked_encoding("v,y\n1,é\n".encode(encoding)) == encoding


@pytest.mark.parametrize(
    "start", [b"", b"v,y\n", b"v,y\n" * 9 + b"\0", b"\0\0\0\0", b"\xef\xbb\xbfv"]
)
def test_other_first_bytes_show_nothing(start: bytes) -> None:
    assert marked_encoding(start) is None


def test_an_encoding_has_many_names() -> None:
    assert known_encoding("Latin1") == "iso8859-1"
    assert known_encoding("UTF8") == "utf-8"


@pytest.mark.parametrize("name", ["", "utf-99", "base64", "rot13", "undefined", "a\0b"])
def test_an_unknown_encoding_is_refused(name: str) -> None:
    with pytest.raises(FileError) as caught:
        known_encoding(name)
    assert str(caught.value) == (
        "--encoding: expected the name of a text encoding such as 'utf-8', 'cp1252' or "
        f"'shift_jis', found {name!r}"
    )


@given(st.lists(st.text("a\r\n")))
def test_lines_are_counted_however_the_text_is_cut(strings: list[str]) -> None:
    lines = Lines()
    for text in strings:
        lines.add(text)
    whole = "".join(strings).replace("\r\n", "\n").replace("\r", "\n")
    assert lines.number == 1 + whole.count("\n")
