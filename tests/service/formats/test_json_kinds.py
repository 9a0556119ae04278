import pytest
import simdjson

from service.formats.json_kinds import kind_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"null", "null"),
        (b"true", "true or false"),
        (b"0", "a number"),
        (b"-1.5", "a number"),
        (b'"null"', "a string"),
        (b"[]", "a list"),
        (b"{}", "an object"),
    ],
)
def test_every_kind_of_json_has_its_words(text: bytes, kind: str) -> None:
    assert kind_of(simdjson.Parser().parse(text)) == kind
