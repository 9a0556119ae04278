"""Copy the results of `highway reproduce` to docs/papers, and renew the tables of its page.

python -m docs.write_papers [runs/papers]

Without a folder only the tables of docs/papers/README.md are renewed.
"""

import json
import shutil
import sys
from pathlib import Path

from models.reproduction.findings import RESULTS, Comparison
from models.reproduction.page import PAGE, table

PAPERS = Path(__file__).parent / "papers"
INDEX = PAPERS / PAGE
COPIED = (RESULTS, PAGE, "*.svg")


def main() -> None:
    """Copy all experiments of a folder, and write the page."""
    if len(sys.argv) > 1:
        copy(Path(sys.argv[1]))
    INDEX.write_text(index(INDEX.read_text()))


def copy(runs: Path) -> None:
    """Copy the page, the numbers and the pictures of every experiment in `runs`."""
    for results in sorted(runs.glob(f"*/{RESULTS}")):
        target = PAPERS / results.parent.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for pattern in COPIED:
            for file in results.parent.glob(pattern):
                shutil.copyfile(file, target / file.name)


def index(page: str) -> str:
    """Return the page with the table of each experiment between its marks."""
    for results in PAPERS.glob(f"*/{RESULTS}"):
        name = results.parent.name
        content = json.loads(results.read_text())
        rows = tuple(Comparison(**row) for row in content["comparisons"])
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n\n{table(rows)}\n\n{end}{after}"
    return page


if __name__ == "__main__":
    main()
