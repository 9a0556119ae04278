from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import RunError
from models.evaluation import Evaluation
from models.pruning.cost import Cost
from models.pruning.ledger import (
    PRUNING,
    Attempt,
    Ledger,
    Order,
    Plan,
    Result,
    Side,
    read_ledger,
    write_ledger,
)
from models.run import Run

SIDE = Side(
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
    before=SIDE,
    after=SIDE,
)

shares = st.floats(0, 1)
counts = st.integers(0, 1000)
ledgers = st.builds(
    Ledger,
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
@given(ledger=ledgers)
def test_what_was_written_is_read_again_to_the_last_digit(tmp_path: Path, ledger: Ledger) -> None:
    write_ledger(Run(tmp_path), ledger)
    assert read_ledger(Run(tmp_path)) == ledger
    assert [path.name for path in tmp_path.iterdir()] == [PRUNING]


def test_a_plan_alone_is_a_pruning_that_has_just_begun(tmp_path: Path) -> None:
    (tmp_path / PRUNING).write_text('{"plan": {"run": "runs/digits"}}')
    plan = Plan(run="runs/digits", max_accuracy_drop=0.1, finetune_epochs=4, learning_rate=None)
    assert read_ledger(Run(tmp_path)) == Ledger(plan=plan)


def test_a_directory_of_no_pruning_says_how_to_begin_one(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RunError) as error:
            read_ledger(Run(path))
        assert str(error.value) == (
            f"{path}: expected the directory of a pruning, found no pruning.json in it; "
            "begin with `python -m models prune RUN --out DIRECTORY`"
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
def test_whatever_is_no_record_of_a_pruning_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PRUNING).write_bytes(content)
    with pytest.raises(RunError) as error:
        read_ledger(Run(tmp_path))
    assert str(error.value) == (
        f"{tmp_path / PRUNING}: expected the record of a pruning, found something else"
    )
