import numpy as np
import pytest

from service.contract import OUTPUTS
from service.model_session import ModelSession
from service.runtime import runtime_errors
from tests.service.conftest import Recipe

CONTENT = Recipe().build()
ROWS = np.linspace(-3, 3, 1600, dtype=np.float32).reshape(400, 4)


def test_the_session_plans_its_memory_and_keeps_none() -> None:
    options = ModelSession(CONTENT, threads=3).session.get_session_options()
    assert options.intra_op_num_threads == options.inter_op_num_threads == 1
    assert options.enable_mem_pattern
    assert not options.enable_cpu_mem_arena


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("scale_rows", [None, 1, 400])
def test_a_batch_in_parts_has_the_outputs_of_its_rows(threads: int, scale_rows: int | None) -> None:
    session = ModelSession(CONTENT, threads=threads)
    random = np.random.default_rng(0)
    scale = None if scale_rows is None else random.random((scale_rows, 2), np.float32)
    computed = session.compute(OUTPUTS, ROWS, scale)
    for row in (0, 133, 399):
        own = scale[[row]] if scale is not None and scale_rows == 400 else scale
        alone = session.compute(OUTPUTS, ROWS[[row]], own)
        for many, one in zip(computed, alone, strict=True):
            assert many[row] == pytest.approx(one[0], abs=1e-6)


def test_measuring_the_network_does_not_change_its_outputs() -> None:
    session = ModelSession(CONTENT, threads=2)
    before = session.compute(OUTPUTS, ROWS, None)
    session.adapt_parts(4)
    after = session.compute(OUTPUTS, ROWS, None)
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_more_rows_take_more_time() -> None:
    session = ModelSession(CONTENT, threads=1)
    assert 0 < session.measure(4, 1) < session.measure(4, 10_000) < 5_000_000_000


def test_bytes_that_are_no_graph_raise_the_error_of_onnxruntime() -> None:
    with pytest.raises(runtime_errors.InvalidProtobuf):
        ModelSession(b"no graph", threads=1)
