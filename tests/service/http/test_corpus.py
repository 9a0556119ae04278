"""Bodies in files, each sent by both ways; corpus/README.md tells how they are named."""

from pathlib import Path

import pytest

from tests.service.http.talk import INFER, JSON, ROW, Ask

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.body"))
PATHS = {
    "predict": ("/predict", "/v1/models/tiny:predict", "/predict?asgi"),
    "explain": ("/explain", "/v1/models/tiny:explain", "/v1/models/tiny/versions/1:explain"),
    "infer": (INFER, f"{INFER}?asgi"),
    "index": ("/v2/repository/index",),
}


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_a_body_is_answered_as_its_name_says_by_every_way_alike(
    by_socket: Ask, by_asgi: Ask, file: Path
) -> None:
    where, status, _ = file.stem.split("-", 2)
    door, _, head = where.partition("@")
    headers = {**JSON, "Inference-Header-Content-Length": head} if head else JSON
    body = file.read_bytes()
    paths = PATHS[door]
    answers = [by_socket("POST", path, body, headers) for path in paths]
    answers.append(by_asgi("POST", paths[0], body, headers))
    assert {answer.status for answer in answers} == {int(status)}
    assert len({answer.body for answer in answers}) == 1
    if status != "200":
        message = answers[0].error
        assert ": expected " in message
        assert "SECRET" not in message
        assert len(message) < 200
    assert by_socket("POST", "/predict", ROW).status == 200


@pytest.mark.parametrize("noise", [b"9" * 100_000, b"[" * 50_000, b"[" * 50_000 + b"]" * 50_000])
@pytest.mark.parametrize(
    "form", [b'{"instances": [[%b]]}', b'{"instance": [%b]}', b'{"inputs": [%b]}', b"%b"]
)
def test_a_body_made_to_exhaust_a_parser_is_the_clients_error(
    ask: Ask, noise: bytes, form: bytes
) -> None:
    for path in ("/predict", "/explain", INFER, "/v2/repository/index"):
        answer = ask("POST", path, form % noise)
        assert answer.status == 400
        assert answer.error.startswith("body: expected ")
    assert ask("POST", "/predict", ROW).status == 200
