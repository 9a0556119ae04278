from dataclasses import replace

from service.ledger.model_key import key_of
from tests.service.conftest import METADATA


def test_a_model_is_known_by_name_version_and_digest() -> None:
    sealed = replace(METADATA, verification={"digest": "d1"})
    assert key_of(sealed) == ("tiny", "1", "d1")
    assert key_of(METADATA) == ("tiny", "1", "")
