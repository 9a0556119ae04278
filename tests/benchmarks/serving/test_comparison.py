from benchmarks.serving.comparison import comparison, losses, rates, ratio, ratios, rounds
from benchmarks.serving.contenders import (
    ASYNC_DEF,
    BINARY,
    JSON,
    PREDICT,
    V2_BINARY,
    V2_JSON,
    of_rival,
)
from benchmarks.serving.results import Cell, LeftOut, Results
from benchmarks.serving.rivals.installed import NODE


def cell(contender: str, *rates: float, rows: int = 1, clients: int = 16) -> Cell:
    return Cell(
        network="dense-10",
        contender=contender,
        rows=rows,
        clients=clients,
        requests_per_second=sorted(rates)[len(rates) // 2],
        p50_ms=0.5,
        p99_ms=1.25,
        errors=0,
        cpu_us=100,
        rates=list(rates),
    )


CELLS = [
    cell(V2_JSON, 3000, 2000, 4000),
    cell(of_rival(NODE, JSON), 1500, 2500, 1000),
    cell(ASYNC_DEF, 1000, 1000, 1000),
    cell(PREDICT, 3000, 2000, 2000),
    cell(V2_JSON, 900, clients=1),
    cell(of_rival(NODE, JSON), 1000, clients=1),
    cell(V2_BINARY, 5000),
    cell(of_rival(NODE, BINARY), 8000),
]
RESULTS = Results(machine={}, cells=CELLS)


def test_a_ratio_compares_loads_of_the_same_round() -> None:
    assert ratio(CELLS[0], CELLS[1]) == (2.0, 0.8, 4.0)


def test_the_comparison_has_a_row_for_each_rival_that_was_measured() -> None:
    assert comparison(RESULTS).splitlines() == [
        "| this server ÷ | JSON, 1 row | JSON, 32 rows | binary, 1 row | binary, 32 rows "
        "| not slower in |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| {NODE} | 1.45 (0.90–2.00) | – | 0.62 (0.62–0.62) | – | 1 of 3 |",
        "| FastAPI, `async def` | 3.00 (3.00–3.00) | – | – | – | 1 of 1 |",
    ]


def test_losses_name_the_cells_with_the_largest_distance_first() -> None:
    assert losses(RESULTS).splitlines() == [
        f"- {NODE}: faster in 2 of 3 cells: dense-10, binary, 1 row, 16 clients (0.62); "
        "dense-10, JSON, 1 row, 1 client (0.90).",
    ]


def test_without_a_faster_rival_there_is_no_loss() -> None:
    assert losses(Results(machine={}, cells=[CELLS[0], CELLS[2]])) == "In no cell."


def test_losses_count_the_cells_after_the_sixth() -> None:
    cells = []
    for clients in range(1, 9):
        cells += [cell(V2_JSON, 50.0, clients=clients), cell(ASYNC_DEF, 100.0, clients=clients)]
    (line,) = losses(Results(machine={}, cells=cells)).splitlines()
    assert line.startswith("- FastAPI, `async def`: faster in 8 of 8 cells: dense-10, JSON, 1 row,")
    assert line.endswith("6 clients (0.50), and 2 more.")


def test_nothing_measured_is_a_sentence() -> None:
    empty = Results(machine={})
    assert {comparison(empty), losses(empty), rates(empty), ratios(empty)} == {"Not measured."}


def test_rates_have_a_row_for_each_request_with_16_clients() -> None:
    first, second = rates(RESULTS).splitlines()[2:]
    assert first == "| dense-10 | JSON, 1 row | 3,000 | – | 1,500 | – | – | 1,000 | – |"
    assert second == "| dense-10 | binary, 1 row | 5,000 | – | 8,000 | – | – | – | – |"


def test_ratios_list_every_cell_with_its_rounds_and_the_native_endpoint() -> None:
    assert ratios(RESULTS).splitlines() == [
        f"| network | format | rows | clients | {NODE} | FastAPI, `async def` "
        "| `/predict` of this server |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| dense-10 | JSON | 1 | 16 | 2.00 (0.80–4.00) | 3.00 (2.00–4.00) | 1.00 (1.00–2.00) |",
        "| dense-10 | JSON | 1 | 1 | 0.90 (0.90–0.90) | – | – |",
        "| dense-10 | binary | 1 | 16 | 0.62 (0.62–0.62) | – | – |",
    ]


def test_the_number_of_rounds_and_missing_rivals_are_sentences() -> None:
    results = Results(
        machine={}, cells=CELLS[:4], left_out=[LeftOut(sentence="mosec is left out.")]
    )
    assert rounds(results) == "Each figure is the median of 3 rounds. mosec is left out."
    assert rounds(RESULTS) == "Each figure is the median of 1–3 rounds."
    single = Results(machine={}, cells=CELLS[4:])
    assert rounds(single) == "Each figure is the median of 1 round."
