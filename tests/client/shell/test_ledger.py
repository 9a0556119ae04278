"""The commands on a real server whose ledger keeps inputs."""

import json
import time

import numpy as np
import pytest
from highway_client import Client
from numpy.typing import NDArray

from tests.client.conftest import MODEL, answering, scripted
from tests.client.shell.test_ledger_tables import LISTED
from tests.client.test_records import ROW as RECORDED
from tests.conftest import command


def run(url: str, *arguments: str) -> str:
    done = command("highway_client", *arguments, "--url", url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(url: str, *arguments: str) -> str:
    done = command("highway_client", *arguments, "--url", url)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


@pytest.fixture(scope="session")
def recorded(ledger_url: str, seven: NDArray[np.uint8]) -> str:
    """The id of a request of a seven and of an inverted, atypical one, with the tag `shell`."""
    with Client(ledger_url, tags=["shell"]) as client:
        request_id = client.predict(np.concatenate([seven, 255 - seven])).request_id
        until = time.monotonic() + 10
        while len(client.requests(tag="shell")) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
    assert request_id is not None
    return request_id


def test_requests_are_listed(ledger_url: str, recorded: str) -> None:
    lines = run(ledger_url, "requests", "--tag", "shell", "--since", "1h").splitlines()
    rows = [line.split() for line in lines if recorded in line]
    assert sorted(row[6] for row in rows) == ["0", "1"]
    assert "times are UTC; row: index in the request, from 0" in " ".join(lines)


def test_atypical_requests_are_listed(ledger_url: str, recorded: str) -> None:
    found = json.loads(run(ledger_url, "requests", "--atypical", "--tag", "shell", "--json"))
    (row,) = found["requests"]
    assert (row["id"], row["row"]) == (recorded, 1)
    assert row["typicality"]["combined"] < 0.01


def test_requests_are_written_as_csv(ledger_url: str, recorded: str) -> None:
    shown = run(ledger_url, "requests", "--tag", "shell", "--label", "7", "--csv")
    header, line = shown.splitlines()
    assert header == (
        "id,row,rows,time,endpoint,model_name,model_version,label,probability,typicality_combined,"
        "weight,tags"
    )
    assert line.startswith(f"{recorded},0,2,")
    assert line.endswith(",1.0,shell")


def test_a_limit_is_said_and_reached_in_pages(ledger_url: str, recorded: str) -> None:
    shown = run(ledger_url, "requests", "--tag", "shell", "--limit", "1", "--sort", "-typicality")
    assert shown.count(recorded) == 1
    assert shown.splitlines()[-1] == "there may be more rows; --limit shows more"


def test_a_list_without_rows_says_so(ledger_url: str) -> None:
    assert run(ledger_url, "requests", "--label", "no digit") == (
        "no recorded row of the served models matches; --model '*' lists those of all models\n"
    )
    none = run(ledger_url, "requests", "--label", "no digit", "--model", "*")
    assert none == "no recorded row matches\n"
    assert run(ledger_url, "requests", "--label", "no digit", "--csv").count("\n") == 1


def test_a_request_is_shown_with_all_its_rows(ledger_url: str, recorded: str) -> None:
    shown = run(ledger_url, "request", recorded)
    assert shown.count(recorded) == 2
    assert "│ label       │ 7 " in shown
    assert "│ tags        │ shell " in shown


def test_one_row_of_a_request_is_shown(ledger_url: str, recorded: str) -> None:
    assert run(ledger_url, "request", recorded, "--row", "1").count(recorded) == 1
    assert refused(ledger_url, "request", recorded, "--row", "9") == (
        "error: --row: expected a recorded row of this request, found 9; without --row, all are "
        "shown\n"
    )


def test_a_request_is_written_as_json(ledger_url: str, recorded: str) -> None:
    assert len(json.loads(run(ledger_url, "request", recorded, "--json"))["rows"]) == 2


def test_one_row_of_a_request_is_written_as_json(ledger_url: str, recorded: str) -> None:
    body = json.loads(run(ledger_url, "request", recorded, "--row", "1", "--json"))
    assert (body["id"], body["more"]) == (recorded, False)
    assert [row["row"] for row in body["rows"]] == [1]


def test_a_stored_row_is_explained_again(ledger_url: str, recorded: str) -> None:
    (row, _) = json.loads(run(ledger_url, "request", recorded, "--json"))["rows"]
    at = ("--row", str(row["row"]), "--time", row["time"])
    shown = run(ledger_url, "request", recorded, "--explain", *at)
    assert "counterfactual: with highway 1 closed the label is '1'" in shown
    csv = run(ledger_url, "request", recorded, "--explain", "--row", "1", "--csv")
    assert csv.startswith("layer,gate,")


def test_the_only_recorded_row_of_a_request_need_not_be_named() -> None:
    recorded = {"id": "abc-1", "rows": [RECORDED | {"row": 357}], "more": False}
    answer = {"id": "abc-1", "row": 357, "tags": ["flagged"]}
    with scripted(answering(recorded, answer)) as url:
        assert run(url, "flag", "abc-1") == "abc-1, row 357: its tags are flagged\n"


def test_one_of_several_recorded_rows_must_be_named() -> None:
    rows = [RECORDED | {"row": index} for index in range(11, 0, -1)]
    for arguments in (["flag", "abc-1"], ["request", "abc-1", "--explain"]):
        with scripted(answering({"id": "abc-1", "rows": rows, "more": False})) as url:
            line = refused(url, *arguments)
        assert line == (
            "error: --row: expected one of the 11 recorded rows of this request, found none; name "
            "one: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...\n"
        )


def test_a_flag_shows_all_tags_of_the_row() -> None:
    answer = {"id": "a-1", "row": 2, "tags": ["canary", "wrong"]}
    with scripted(answering(answer)) as url:
        shown = run(url, "flag", "a-1", "--row", "2", "--tag", "wrong")
    assert shown == "a-1, row 2: its tags are canary, wrong\n"
    with scripted(answering(answer)) as url:
        assert json.loads(run(url, "flag", "a-1", "--row", "2", "--json")) == answer


def test_a_removed_flag_leaves_the_other_tags() -> None:
    with scripted(answering({"id": "a-1", "row": 2, "tags": []})) as url:
        shown = run(url, "flag", "a-1", "--row", "2", "--remove")
    assert shown == "a-1, row 2: its tags are none\n"


def test_a_list_has_the_rows_of_all_pages_and_names_gaps() -> None:
    gap = {"began": "2026-01-31T12:00:00Z", "ended": "2026-01-31T12:01:00Z", "rows": 1200}
    row = LISTED | {"typicality": None}
    first = {"requests": [row], "gaps": [gap | {"reason": "stopped"}], "next": "x"}
    pages = first, {"requests": [], "gaps": [], "next": "y"}
    last = {"requests": [row | {"model_name": "other"}], "gaps": [], "next": None}
    with scripted(answering(*pages, last)) as url:
        done = command("highway_client", "requests", "--url", url)
    assert done.stderr == (
        "not recorded: 1,200 rows from 2026-01-31T12:00:00Z to 2026-01-31T12:01:00Z: stopped\n"
    )
    assert done.stdout.count("order-17") == 2
    assert "other 2" in done.stdout


def test_a_list_of_several_versions_names_them() -> None:
    rows = [LISTED, LISTED | {"model_version": "3"}]
    with scripted(answering({"requests": rows, "gaps": [], "next": None})) as url:
        shown = run(url, "requests", "--model", "tiny")
    assert "│ tiny 2 │" in shown
    assert "│ tiny 3 │" in shown


def test_the_first_rows_of_a_large_request_are_shown() -> None:
    answer = {"id": "abc-1", "rows": [RECORDED | {"row": row} for row in range(5)], "more": False}
    described = MODEL | {"versions": ["1"]}
    with scripted(answering(answer, described)) as url:
        shown = run(url, "request", "abc-1")
    assert shown.count("tiny version 1") == 3
    assert shown.splitlines()[-1] == "and 2 more rows; --row shows one, --json all"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["request", "no-such"], "the server responded 404: "),
        (["requests", "--since", "soon"], "--since: expected a duration such as 90s, "),
        (["requests", "--atypical", "--typicality-below", "0.5"],
         "--typicality-below: expected it without --atypical; leave out one of both"),
        (["request", "x", "--csv"], "--csv: expected --explain beside it; `highway requests` lists "
         "rows"),
        (["request", "x", "--inputs"], "--inputs: expected --explain beside it, found none; add "
         "it"),
        (["request", "x", "--time", "2026-01-31"], "--time: expected --explain beside it, found "
         "none; add it"),
        (["flag", "no-such"], "the server responded 40"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_one_sentence(
    arguments: list[str], reason: str, ledger_url: str
) -> None:
    (line,) = refused(ledger_url, *arguments).splitlines()
    assert line.startswith(f"error: {reason}")
