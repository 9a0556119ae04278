import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from service.classifier import Classifier
from service.contract import OUTPUTS, ContractError, Layer
from tests.service.conftest import METADATA, TABLE, Recipe, take_missing_values
from tests.service.drift.conftest import metadata as with_held_out
from tests.service.hostile_files import golden_rows

NAN = float("nan")
ONE_ROW = np.array([[1.0, 0.0, 0.0, 0.0]], np.float32)


CONTENT = Recipe().build()
SHARED = Classifier(CONTENT)


def refused(recipe: Recipe) -> str:
    with pytest.raises(ContractError) as error:
        Classifier(recipe.build())
    return str(error.value)


def test_the_outputs_of_a_row_computed_by_hand(classifier: Classifier) -> None:
    # logits x + 1; gates σ(1) = .731059 and σ(0) = .5
    outputs = classifier.run(ONE_ROW)
    assert outputs.logits.tolist() == [[2.0, 1.0, 1.0]]
    assert outputs.probabilities[0].tolist() == pytest.approx([0.5761169, 0.2119416, 0.2119416])
    assert outputs.gate_units[0].tolist() == pytest.approx([0.731059, 0.5, 0.5, 0.5])
    assert outputs.gate_mean[0].tolist() == pytest.approx([0.615529, 0.5])
    assert np.array_equal(outputs.typicality, outputs.probabilities)  # in this graph


def test_gate_scale_has_one_row_for_all_or_one_for_each(classifier: Classifier) -> None:
    rows = np.repeat(ONE_ROW, 2, axis=0)
    for_all = classifier.run(rows, np.array([[0, 1]], np.float32))
    for_each = classifier.run(rows, np.array([[0, 1], [1, 1]], np.float32))
    assert for_all.logits[:, 1].tolist() == [0.5, 0.5]
    assert for_each.logits[:, 1].tolist() == [0.5, 1.0]


@given(st.lists(st.lists(st.floats(-50, 50, width=32), min_size=4, max_size=4), min_size=1))
def test_a_row_has_the_same_outputs_alone_and_in_a_batch(values: list[list[float]]) -> None:
    classifier, rows = SHARED, np.array(values, np.float32)
    together = classifier.run(rows)
    alone = classifier.run(rows[-1:])
    assert np.allclose(alone.probabilities[0], together.probabilities[-1], atol=1e-6)
    assert np.array_equal(alone.gate_mean[0], together.gate_mean[-1])


def test_a_missing_value_of_a_table_has_finite_outputs_in_golden_rows_too() -> None:
    golden = {
        "input": [[None, 0, float("nan"), 0]],
        "probabilities": [[1 / 3] * 3],
        "gate_mean": [[0.5, 0.5]],
        "typicality": [[1 / 3] * 3],
    }
    recipe = Recipe(metadata=TABLE, change=take_missing_values, golden=golden)
    classifier = Classifier(recipe.build())
    outputs = classifier.run(np.full((1, 4), np.nan, np.float32))
    assert outputs.logits.tolist() == [[1.0, 1.0, 1.0]]


def test_an_overflowing_row_does_not_change_the_others(classifier: Classifier) -> None:
    huge = np.full((1, 4), np.inf, np.float32)
    outputs = classifier.run(np.concatenate([ONE_ROW, huge]))
    assert np.isfinite(outputs.logits).all(axis=1).tolist() == [True, False]
    assert outputs.logits[0].tolist() == [2.0, 1.0, 1.0]


def test_the_named_outputs_are_computed_in_their_order(classifier: Classifier) -> None:
    gates, logits = classifier.compute(["gate_mean", "logits"], ONE_ROW)
    assert gates[0].tolist() == pytest.approx([0.615529, 0.5])
    assert logits.tolist() == [[2.0, 1.0, 1.0]]
    assert gates.dtype == logits.dtype == np.float32


def test_an_output_computed_alone_equals_the_one_computed_with_all(classifier: Classifier) -> None:
    rows = np.array([[0.3, -1.7, 2.1, 0.9], [1 / 3, 0.1, -0.7, 5.5]], np.float32)
    scale = np.array([[0.25, 0.7]], np.float32)
    outputs = classifier.run(rows, scale)
    for name in OUTPUTS:
        assert np.array_equal(classifier.compute([name], rows, scale)[0], getattr(outputs, name))


@pytest.mark.parametrize("scale", [None, 1, 1000])
def test_the_number_of_threads_does_not_change_the_outputs(scale: int | None) -> None:
    rows = np.linspace(-3, 3, 4000, dtype=np.float32).reshape(1000, 4)
    gates = None if scale is None else np.random.default_rng(0).random((scale, 2), np.float32)
    one, three = SHARED.run(rows, gates), Classifier(CONTENT, threads=3).run(rows, gates)
    for name in OUTPUTS:
        assert np.array_equal(getattr(one, name), getattr(three, name))


def test_only_a_long_batch_starts_threads(file: Path) -> None:
    classifier, before = Classifier.load(file, threads=3), set(threading.enumerate())
    classifier.run(ONE_ROW)
    assert set(threading.enumerate()) <= before
    classifier.run(np.zeros((1000, 4), np.float32))
    assert set(threading.enumerate()) - before


def test_the_threads_end_with_the_classifier() -> None:
    classifier = Classifier(CONTENT, threads=3)
    classifier.run(np.zeros((1000, 4), np.float32))
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("batch-part")]
    del classifier
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)


def test_threads_do_not_spin_between_batches() -> None:
    classifier = Classifier(CONTENT, threads=3)
    classifier.run(np.zeros((20_000, 4), np.float32))  # enough rows for all threads
    before = time.process_time()
    time.sleep(0.05)
    assert time.process_time() - before < 0.02  # a spinning thread takes 0.05


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(ContractError) as error:
        Classifier.load(path)
    assert str(error.value) == (
        f"{path}: expected an ONNX file of `highway export`, found a value that is longer than its "
        "message; the file is damaged, or of another kind"
    )


def test_a_truncated_file_is_refused() -> None:
    content = Recipe().build()
    for length in range(1, len(content), len(content) // 10):
        with pytest.raises(ContractError):
            Classifier(content[:length])


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_a_file_with_one_changed_byte_is_refused(position: int, change: int) -> None:
    damaged = bytearray(CONTENT)
    damaged[position] ^= change
    with pytest.raises(ContractError):
        Classifier(bytes(damaged))


@pytest.mark.parametrize("name", [b"Split", b"gate_mean", b"highway.name", b'tiny"'])
def test_a_name_or_value_that_is_not_utf8_is_refused(
    name: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ContractError) as error:
        Classifier(CONTENT.replace(name, b"\xff" + name[1:]))
    assert str(error.value) == (
        "expected an ONNX file of `highway export`, found a string that is not UTF-8; the file is "
        "damaged, or of another kind"
    )
    assert capfd.readouterr() == ("", "")


def rename_output(model: onnx.ModelProto) -> None:
    softmax, typicality, _ = model.graph.node[-3:]
    softmax.output[0] = typicality.input[0] = model.graph.output[1].name = "chances"


def add_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["batch"]))


def drop_default(model: onnx.ModelProto) -> None:
    model.graph.initializer.remove(
        next(tensor for tensor in model.graph.initializer if tensor.name == "gate_scale")
    )


def fix_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def swap_outputs(model: onnx.ModelProto) -> None:
    first, second = (
        onnx.ValueInfoProto.FromString(o.SerializeToString()) for o in model.graph.output[:2]
    )
    model.graph.output[0].CopyFrom(second)
    model.graph.output[1].CopyFrom(first)


def drop_typicality(model: onnx.ModelProto) -> None:
    del model.graph.node[-2], model.graph.output[-2]


def widen_typicality(model: onnx.ModelProto) -> None:
    model.graph.node[-2].CopyFrom(
        helper.make_node("Concat", ["probabilities", "gate_mean"], ["typicality"], axis=1)
    )
    model.graph.output[-2].type.tensor_type.shape.dim[1].dim_value = 5


def double_output(model: onnx.ModelProto) -> None:
    add, softmax = model.graph.node[-4:-2]
    add.output[0] = softmax.input[0] = "single"
    model.graph.node.append(helper.make_node("Cast", ["single"], ["logits"], to=TensorProto.DOUBLE))
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE


OUTPUT_NAMES = (
    "outputs: expected logits, probabilities, gate_mean, gate_units, typicality, layer_typicality, "
    "found "
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            rename_output,
            OUTPUT_NAMES + "logits, chances, gate_mean, gate_units, typicality, layer_typicality",
        ),
        (
            swap_outputs,
            OUTPUT_NAMES
            + "probabilities, logits, gate_mean, gate_units, typicality, layer_typicality",
        ),
        (
            drop_typicality,
            OUTPUT_NAMES + "logits, probabilities, gate_mean, gate_units, layer_typicality",
        ),
        (
            widen_typicality,
            "tensor 'typicality': expected float32 (batch, 3), found float32 (batch, 5)",
        ),
        (add_input, "inputs: expected input, found input, more"),
        (drop_default, "inputs: expected input, found input, gate_scale"),
        (fix_batch, "tensor 'input': expected float32 (batch, 4), found float32 (1, 4)"),
        (
            double_output,
            "tensor 'logits': expected float32 (batch, 3), found type 11 (batch, 3)",
        ),
    ],
)
def test_a_graph_that_breaks_the_contract_is_refused(
    change: Callable[[onnx.ModelProto], None], message: str
) -> None:
    assert refused(Recipe(change=change)) == message


def test_metadata_with_another_number_of_labels_than_the_graph_is_refused() -> None:
    metadata = replace(METADATA, labels=("a", "b"))
    assert refused(Recipe(metadata=metadata)) == (
        "tensor 'logits': expected float32 (batch, 2), found float32 (batch, 3)"
    )


def test_metadata_with_other_layers_than_the_graph_is_refused() -> None:
    wide = Layer(name="highway 1", kind="dense", width=3, number=1)
    assert refused(Recipe(metadata=replace(METADATA, layers=(wide, METADATA.layers[1])))) == (
        "tensor 'gate_units': expected float32 (batch, 5), found float32 (batch, 4)"
    )


def test_a_file_without_golden_rows_is_refused() -> None:
    assert refused(Recipe(golden={})) == (
        "metadata 'highway.verification': expected golden rows with their outputs, found none; "
        "write the file with `highway export`"
    )


@pytest.mark.parametrize(("count", "found"), [(65, "65"), (20_000, "20,000")])
def test_too_many_golden_rows_are_refused(count: int, found: str) -> None:
    with pytest.raises(ContractError) as error:
        Classifier(golden_rows(count))
    assert str(error.value) == (
        f"metadata 'highway.verification': expected at most 64 golden rows, found {found}; "
        "write the file with `highway export`"
    )


def test_as_many_golden_rows_as_are_allowed_are_computed() -> None:
    Classifier(golden_rows(64))


def reject_in_onnxruntime(model: onnx.ModelProto) -> None:
    """A product with a vector: only onnxruntime infers shapes."""
    model.graph.initializer[0].dims[:] = [12]


def test_a_graph_that_onnxruntime_rejects_is_refused() -> None:
    assert refused(Recipe(change=reject_in_onnxruntime)) == (
        "expected a graph that onnxruntime can load, found one that it rejects; export the model "
        "again with `highway export`"
    )


@pytest.mark.parametrize(
    "break_file",
    [
        lambda content: content.replace(b"Relu", b"Rely"),
        lambda content: content + b"more",
        lambda content: content.replace(b'["a", "b"', b'["a", "c"'),
    ],
)
def test_onnxruntime_reads_no_file_that_the_service_refuses(
    break_file: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[bytes] = []
    monkeypatch.setattr(
        "service.classifier.ModelSession", lambda content, **_: sessions.append(content)
    )
    content = break_file(CONTENT)
    for damaged in (content, golden_rows(65), Recipe(change=rename_output).build()):
        with pytest.raises(ContractError):
            Classifier(damaged)
    assert sessions == []


@pytest.mark.parametrize("rows", [[[1, 2]], [["a"] * 4], [[1, 2, 3, 4]], [[1e39, 0, 0, 0]]])
def test_golden_rows_that_the_model_cannot_compute_are_refused(rows: list[list[object]]) -> None:
    assert refused(Recipe(golden={"input": rows})) == (
        "metadata 'highway.verification': expected golden rows that the model can compute, "
        "found rows or outputs of another shape or type"
    )


def test_different_outputs_of_the_golden_rows_are_refused() -> None:
    golden = {
        "input": ONE_ROW.tolist(),
        "probabilities": [[0.576117, 0.211942, 0.211942]],
        "gate_mean": [[0.5, 0.5]],
        "typicality": [[0.576117, 0.211942, 0.211942]],
    }
    message = (
        "golden rows: expected the recorded outputs to within {}, found a difference of 0.12; "
        "onnxruntime computes this file wrongly here"
    )
    assert refused(Recipe(golden=golden)) == message.format("0.001")
    golden |= {"gate_mean": [[0.615529, 0.5]], "typicality": [[0.576117, 0.211942, 0.331942]]}
    assert refused(Recipe(golden=golden)) == message.format("0.05")


def test_typicality_may_differ_slightly_between_processors() -> None:
    golden = {
        "input": ONE_ROW.tolist(),
        "probabilities": [[0.576117, 0.211942, 0.211942]],
        "gate_mean": [[0.615529, 0.5]],
        "typicality": [[0.576117, 0.221942, 0.171942]],
    }
    Classifier(Recipe(golden=golden).build())


def test_the_golden_rows_of_an_int8_model_need_no_typicality() -> None:
    def as_int8(props: dict[str, str]) -> None:
        record = json.loads(props["highway.verification"])
        del record["golden"]["typicality"]
        props["highway.verification"] = json.dumps({**record, "precision": "int8"})

    outputs = Classifier(Recipe(props=as_int8).build()).run(ONE_ROW)
    assert outputs.typicality.shape == (1, 3)


def test_golden_rows_without_typicality_are_refused() -> None:
    golden = {
        "input": ONE_ROW.tolist(),
        "probabilities": [[0.576117, 0.211942, 0.211942]],
        "gate_mean": [[0.615529, 0.5]],
    }
    assert refused(Recipe(golden=golden)) == (
        "metadata 'highway.verification': expected golden rows that the model can compute, "
        "found rows or outputs of another shape or type"
    )


@pytest.mark.parametrize("probabilities", [[[0.0]], [0.0, 0.0, 0.0]])
def test_golden_outputs_of_another_shape_are_refused(
    probabilities: list[object],
) -> None:
    golden = {
        "input": ONE_ROW.tolist(),
        "probabilities": probabilities,
        "gate_mean": [[0.615529, 0.5]],
        "typicality": [[0.576117, 0.211942, 0.211942]],
    }
    assert refused(Recipe(golden=golden)) == (
        "metadata 'highway.verification': expected golden rows that the model can compute, "
        "found rows or outputs of another shape or type"
    )


@pytest.mark.parametrize(
    ("probabilities", "gate_mean", "typicality"),
    [
        ([[NAN] * 3], [[0.615529, 0.5]], [[0.0] * 3]),
        ([[0.0] * 3], [[NAN, 0.5]], [[0.0] * 3]),
        ([[0.0] * 3], [[0.615529, 0.5]], [[0.0, 0.0, NAN]]),
    ],
)
def test_golden_outputs_that_are_nan_are_refused(
    probabilities: list[list[float]], gate_mean: list[list[float]], typicality: list[list[float]]
) -> None:
    golden = {
        "input": ONE_ROW.tolist(),
        "probabilities": probabilities,
        "gate_mean": gate_mean,
        "typicality": typicality,
    }
    allowed = 0.05 if np.isnan(typicality).any() else 0.001
    assert refused(Recipe(golden=golden)) == (
        f"golden rows: expected the recorded outputs to within {allowed}, found a difference of "
        "nan; onnxruntime computes this file wrongly here"
    )


def test_malformed_held_out_rows_are_refused() -> None:
    assert refused(Recipe(metadata=with_held_out(rows=0))) == (
        "metadata 'highway.gate_baseline: held_out: rows': expected a number greater than 0, "
        "found 0"
    )


def test_measuring_returns_the_time_of_a_batch(classifier: Classifier) -> None:
    assert 0 < classifier.measure(1) < 5_000_000_000
    assert classifier.measure(10_000) > classifier.measure(1)
