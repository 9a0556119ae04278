"""Bodies in files, each sent over both transports; corpus/README.md explains their names."""

from pathlib import Path

import pytest

from tests.service.http.transport import INFER, JSON, ROW, Send

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.body"))
PATHS = {
    "predict": ("/predict", "/v1/models/tiny:predict", "/predict?asgi"),
    "explain": ("/explain", "/v1/models/tiny:explain", "/v1/models/tiny/versions/1:explain"),
    "infer": (INFER, f"{INFER}?asgi"),
    "index": ("/v2/repository/index",),
}


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_every_transport_answers_a_body_with_the_status_in_its_name(
    send_by_socket: Send, send_by_asgi: Send, file: Path
) -> None:
    target, status, _ = file.stem.split("-", 2)
    endpoint, _, head = target.partition("@")
    headers = {**JSON, "Inference-Header-Content-Length": head} if head else JSON
    body = file.read_bytes()
    paths = PATHS[endpoint]
    responses = [send_by_socket("POST", path, body, headers) for path in paths]
    responses.append(send_by_asgi("POST", paths[0], body, headers))
    assert {response.status for response in responses} == {int(status)}
    assert len({response.body for response in responses}) == 1
    if status != "200":
        message = responses[0].error
        assert "SECRET" not in message
        assert 10 < len(message) < 200
    assert send_by_socket("POST", "/predict", ROW).status == 200


@pytest.mark.parametrize("noise", [b"9" * 100_000, b"[" * 50_000, b"[" * 50_000 + b"]" * 50_000])
@pytest.mark.parametrize(
    "form", [b'{"instances": [[%b]]}', b'{"instance": [%b]}', b'{"inputs": [%b]}', b"%b"]
)
def test_a_body_made_to_exhaust_a_parser_is_rejected(send: Send, noise: bytes, form: bytes) -> None:
    for path in ("/predict", "/explain", INFER, "/v2/repository/index"):
        response = send("POST", path, form % noise)
        assert response.status == 400
        assert "body" in response.error
    assert send("POST", "/predict", ROW).status == 200
