import json

from docs.write_papers import INDEX, PAPERS, index
from models.reproduction.catalogue import EXPERIMENTS, experiment
from models.reproduction.findings import RESULTS, Circumstances, Comparison, Findings
from models.reproduction.page import PAGE, page


def test_the_tables_of_the_page_are_those_of_the_results() -> None:
    text = INDEX.read_text()
    assert text == index(text), "run `python -m docs.write_papers`"


def test_every_result_is_of_an_experiment_and_has_its_table_on_the_page() -> None:
    text = INDEX.read_text()
    names = [path.parent.name for path in PAPERS.glob(f"*/{RESULTS}")]
    assert names
    for name in names:
        assert name in EXPERIMENTS
        assert f"<!-- {name} -->" in text


def test_the_page_of_an_experiment_says_what_its_results_do() -> None:
    for path in PAPERS.glob(f"*/{RESULTS}"):
        content = json.loads(path.read_text())
        findings = Findings(
            comparisons=tuple(Comparison(**row) for row in content["comparisons"]),
            notes=tuple(content["notes"]),
        )
        how = Circumstances(**content["circumstances"])
        written = path.with_name(PAGE).read_text()
        for part in page(experiment(path.parent.name), findings, how).split("\n\n"):
            assert part in written


def test_every_picture_of_the_pages_exists() -> None:
    for path in PAPERS.rglob("*.md"):
        for line in path.read_text().splitlines():
            if line.startswith("!["):
                assert (path.parent / line.rpartition("(")[2].rstrip(")")).is_file(), line


def test_the_results_name_their_experiment_and_command() -> None:
    for path in PAPERS.glob(f"*/{RESULTS}"):
        content = json.loads(path.read_text())
        assert content["experiment"] == path.parent.name
        assert content["circumstances"]["command"].startswith(
            f"highway reproduce {path.parent.name} "
        )
