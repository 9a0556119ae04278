import json

import numpy as np

from benchmarks.serving.contenders import BINARY, OURS, PROJECT, contenders, of_rival
from benchmarks.serving.rivals.installed import FASTAPI, MOSEC, NODE, SKETCH, TRITON

ROWS = np.zeros((1, 2), np.float32)


def test_every_server_has_endpoints_and_mosec_has_no_binary_one() -> None:
    found = contenders("digits")
    servers = {contender.server for contender in found.values()}
    assert servers == {PROJECT, SKETCH, NODE, MOSEC, TRITON, FASTAPI}
    assert of_rival(MOSEC, BINARY) not in found
    assert all(found[name].format == form for form, name in OURS.items())


def test_all_protocol_requests_have_the_same_outputs() -> None:
    for contender in contenders("digits").values():
        body = contender.body(ROWS)
        if not body.path.startswith("/v2/"):
            continue
        model = "digits" if contender.server == PROJECT else "model"
        assert body.path == f"/v2/models/{model}/infer"
        length = body.headers.get("Inference-Header-Content-Length")
        head = json.loads(body.content[: int(length)] if length else body.content)
        assert [output["name"] for output in head["outputs"]] == ["gate_mean", "probabilities"]
