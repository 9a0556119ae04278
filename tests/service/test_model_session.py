from collections.abc import Sequence

import numpy as np
import pytest

from service.contract import LAYER_TYPICALITY, OUTPUTS
from service.model_session import ModelSession
from service.runtime import runtime_errors
from tests.service.conftest import Recipe

CONTENT = Recipe().build()
ROWS = np.linspace(-3, 3, 1600, dtype=np.float32).reshape(400, 4)


def test_the_session_plans_its_memory_and_keeps_none() -> None:
    session = ModelSession(CONTENT, threads=3)
    for each in (session.session, session.on_request):
        options = each.get_session_options()
        assert options.intra_op_num_threads == options.inter_op_num_threads == 1
        assert options.enable_mem_pattern
        assert not options.enable_cpu_mem_arena


def test_outputs_on_request_are_computed_from_the_others_by_a_session_of_their_own() -> None:
    session = ModelSession(CONTENT, threads=1)
    names = [output.name for output in session.session.get_outputs()]
    assert names == [name for name in OUTPUTS if name != LAYER_TYPICALITY]
    assert [output.name for output in session.on_request.get_outputs()] == [LAYER_TYPICALITY]
    assert [tensor.name for tensor in session.on_request.get_inputs()] == ["gate_mean"]


@pytest.mark.parametrize("outputs", [OUTPUTS, [LAYER_TYPICALITY], [LAYER_TYPICALITY, "logits"]])
def test_outputs_on_request_are_returned_in_their_order(outputs: Sequence[str]) -> None:
    session = ModelSession(CONTENT, threads=1)
    everything = dict(zip(OUTPUTS, session.compute(OUTPUTS, ROWS, None), strict=True))
    computed = session.compute(outputs, ROWS, None)
    assert all(np.array_equal(c, everything[n]) for c, n in zip(computed, outputs, strict=True))


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


def test_with_fixed_parts_the_rows_computed_together_do_not_depend_on_measurements() -> None:
    session = ModelSession(CONTENT, threads=1)
    session.fix_parts(8)
    fixed = session.compute(OUTPUTS, ROWS, None)
    parts = [session._compute_part(OUTPUTS, ROWS[i : i + 8], None) for i in range(0, 400, 8)]
    for output, of_parts in zip(fixed, zip(*parts, strict=True), strict=True):
        assert np.array_equal(output, np.concatenate(of_parts))
    assert session._limits.divide(400, 3) == [slice(i, i + 8) for i in range(0, 400, 8)]


def test_more_rows_take_more_time() -> None:
    session = ModelSession(CONTENT, threads=1)
    assert 0 < session.measure(4, 1) < session.measure(4, 10_000) < 5_000_000_000


def test_a_graph_with_an_unknown_operator_raises_the_error_of_onnxruntime() -> None:
    with pytest.raises(runtime_errors.InvalidGraph):
        ModelSession(CONTENT.replace(b"Softmax", b"Hardmux"), threads=1)
