"""The sketch computes what this project computes."""

from collections.abc import Iterator

import pytest

from benchmarks.serving.answers import check
from benchmarks.serving.bodies import random_rows
from benchmarks.serving.contenders import contenders, of_rival
from benchmarks.serving.networks import Network
from benchmarks.serving.rivals.installed import SKETCH, sketch
from benchmarks.serving.servers import Server, running
from service.settings import BUNDLED_MODEL

NETWORK = Network(title="convolutional", file=BUNDLED_MODEL, name="digits", size=784)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    first = contenders("digits")[of_rival(SKETCH, "JSON")].body(random_rows(1, 784))
    with running(sketch, BUNDLED_MODEL, first) as server:
        yield server


@pytest.mark.parametrize("form", ["JSON", "binary"])
def test_both_formats_agree_with_the_classifier(server: Server, form: str) -> None:
    check(contenders("digits")[of_rival(SKETCH, form)], server, NETWORK)
