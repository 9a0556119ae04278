"""The page of an experiment: the paper's numbers beside ours, pictures, and how to repeat them."""

from pathlib import Path

from models.directory import write_atomically
from models.drawing import drawing_settings, save
from models.errors import join_strings
from models.reproduction.experiment import Experiment
from models.reproduction.findings import Circumstances, Comparison, Findings
from models.run_config import UNKNOWN

PAGE = "README.md"


def write_page(
    out: Path, experiment: Experiment, findings: Findings, circumstances: Circumstances
) -> None:
    """Write `README.md` and the pictures that it shows."""
    with drawing_settings():
        for name, picture in findings.pictures.items():
            save(picture.draw(), out / name)
    write_atomically(out / PAGE, page(experiment, findings, circumstances).encode())


def page(experiment: Experiment, findings: Findings, circumstances: Circumstances) -> str:
    """Return the page in Markdown."""
    pictures = [
        f"![{picture.caption}]({name}.svg)\n\n{picture.caption}"
        for name, picture in findings.pictures.items()
    ]
    parts = [
        f"# {experiment.name}",
        f"{experiment.about}. Source: {experiment.source}.",
        *([table(findings.comparisons)] if findings.comparisons else []),
        *findings.notes,
        *pictures,
        "## How to repeat it",
        f"    {circumstances.command}",
        _circumstances(circumstances),
    ]
    return "\n\n".join(parts) + "\n"


def table(comparisons: tuple[Comparison, ...]) -> str:
    """Return a Markdown table; the column of goals is left out if there is none."""
    goals = any(comparison.goal for comparison in comparisons)
    rows = [("what", "paper", "here", "to reach"), ("---", "---", "---", "---")]
    rows += [(c.quantity, c.paper, c.here, c.goal) for c in comparisons]
    return "\n".join(f"| {' | '.join(row if goals else row[:3])} |" for row in rows)


def _circumstances(how: Circumstances) -> str:
    known = [_short(revision) for revision in how.revisions if revision != UNKNOWN]
    revision = f", revision {join_strings(known)}" if known else ""
    return (
        f"Data {how.data} with digest {how.data_digest[:12]}; {how.training_minutes:g} minutes of "
        f"training, summed over processes of {how.threads} "
        f"{'thread' if how.threads == 1 else 'threads'}; {how.processors:g} "
        f"{'processor' if how.processors == 1 else 'processors'} "
        f"({how.processor}), torch {how.torch}{revision}. The same command on "
        "the same kind of machine gives the same numbers. Numbers and losses of every epoch: "
        "[results.json](results.json)."
    )


def _short(revision: str) -> str:
    """Return twelve digits of a commit, and the mark of changed files if it has one."""
    commit, mark, changes = revision.partition("+")
    return f"{commit[:12]}{mark}{changes}"
