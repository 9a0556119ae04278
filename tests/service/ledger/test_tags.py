import pytest

from service.errors import BodyError
from service.ledger.tags import read_tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (b"canary", ("canary",)),
        (b"customer=acme, canary", ("customer=acme", "canary")),
        (b"a,b ,\tc", ("a", "b", "c")),
        (b"twice,twice,once", ("twice", "once")),
        (b"A.z_0:=/@-", ("A.z_0:=/@-",)),
        (b"x" * 64, ("x" * 64,)),
    ],
)
def test_tags_are_separated_by_commas(text: bytes, tags: tuple[str, ...]) -> None:
    assert read_tags(text) == tags


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b",", b"a,,b", b"a b", b"x" * 65, b"caf\xc3\xa9", b"a;b", b'"a"'),
        *(b"a\x00b", b"a\nb", b"a\n", b"x'); DROP TABLE ledger_requests; --"),
    ],
)
def test_a_malformed_tag_is_refused(text: bytes) -> None:
    with pytest.raises(BodyError) as error:
        read_tags(text)
    assert str(error.value) == (
        "X-Tags: expected comma-separated tags, each of 1 to 64 letters, digits or . _ : = / @ -"
    )


def test_too_many_tags_are_refused() -> None:
    assert len(read_tags(b",".join(b"%d" % i for i in range(16)))) == 16
    with pytest.raises(BodyError) as error:
        read_tags(b",".join(b"%d" % i for i in range(17)))
    assert str(error.value) == "X-Tags: expected at most 16 tags, found 17"
