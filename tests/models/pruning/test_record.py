from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import RunError
from models.evaluation import Evaluation
from models.pruning.cost import Cost
from models.pruning.record import (
    PRUNING,
    Attempt,
    Measurement,
    Order,
    Plan,
    PruningRecord,
    Result,
    read_record,
    write_record,
)
from models.run import Run

MEASUREMENT = Measurement(
    cost=Cost(
        highway_layers=4,
        parameters=178,
        weight_bytes=716,
        latency_1_row=0.1,
        latency_32_rows=0.2,
    ),
    validation=Evaluation(rows=40, accuracy=0.975, loss=0.1, openness=(0.1, 0.2)),
    test=Evaluation(rows=16, accuracy=1.0, loss=0.05, openness=(0.1, 0.2)),
)
RESULT = Result(
    removed=(2, 3),
    constant_gates=(1,),
    dropped_units=1,
    finetuned=True,
    before=MEASUREMENT,
    after=MEASUREMENT,
)

shares = st.floats(0, 1)
counts = st.integers(0, 1000)
records = st.builds(
    PruningRecord,
    plan=st.builds(
        Plan,
        run=st.text(st.characters(codec="utf-8"), min_size=1),
        max_accuracy_drop=st.floats(0, 100),
        finetune_epochs=counts,
        learning_rate=st.none() | st.floats(1e-9, 10),
    ),
    order=st.none()
    | st.builds(
        Order,
        layers=st.lists(counts, min_size=1).map(tuple),
        accuracy=st.lists(shares, min_size=2).map(tuple),
        loss=st.lists(st.floats(0, 1e6)).map(tuple),
    ),
    attempts=st.lists(
        st.builds(Attempt, removed=counts, accuracy=shares, within=st.booleans())
    ).map(tuple),
    result=st.none() | st.just(RESULT),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=records)
def test_a_written_record_is_read_exactly(tmp_path: Path, record: PruningRecord) -> None:
    write_record(Run(tmp_path), record)
    assert read_record(Run(tmp_path)) == record
    assert [path.name for path in tmp_path.iterdir()] == [PRUNING]


def test_a_record_of_a_plan_only_is_valid(tmp_path: Path) -> None:
    (tmp_path / PRUNING).write_text('{"plan": {"run": "runs/digits"}}')
    plan = Plan(run="runs/digits", max_accuracy_drop=0.1, finetune_epochs=4, learning_rate=None)
    assert read_record(Run(tmp_path)) == PruningRecord(plan=plan)


def test_the_error_of_a_directory_without_a_record_names_the_command_that_starts_a_pruning(
    tmp_path: Path,
) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RunError) as error:
            read_record(Run(path))
        assert str(error.value) == (
            f"{path}: not the directory of a pruning, pruning.json is missing; "
            "start one with `highway prune RUN --out DIRECTORY`"
        )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no JSON",
        b'{"plan": {"run": "runs/dig',
        b"[]",
        b"{}",
        b'{"plan": {"run": "x", "max_accuracy_drop": -1}}',
        b'{"plan": {"run": "x"}, "attempts": [{"removed": 1}]}',
        b"\xff\xfe",
    ],
)
def test_an_invalid_record_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PRUNING).write_bytes(content)
    with pytest.raises(RunError) as error:
        read_record(Run(tmp_path))
    assert str(error.value) == (f"{tmp_path / PRUNING}: not the record of a pruning")
