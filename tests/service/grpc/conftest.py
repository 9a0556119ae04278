"""A server of the tiny model, with small limits."""

from collections.abc import Iterator

import pytest

from service.classifier import Classifier
from tests.service.conftest import Recipe
from tests.service.grpc.transport import Caller, calling
from tests.service.test_tls import folder as certificates

__all__ = ["certificates"]  # a fixture


@pytest.fixture(scope="package")
def caller() -> Iterator[Caller]:
    with calling(Classifier(Recipe().build()), max_rows=5, max_body_bytes=100_000) as caller:
        yield caller
