"""A short overview of the data of a training, so that a user can check how they were read."""

from collections import Counter

from models.data.dataset import Dataset
from models.data.profile import Profile, profile_dataset
from models.errors import join_strings
from service.contract import Column, Input
from service.terminal import escaped


def overview_lines(dataset: Dataset) -> list[str]:
    """Return a few lines: size, labels, kinds of columns, missing values, notes and warnings."""
    profile = profile_dataset(dataset)
    gaps = [f"{each.name!r} {each.missing}" for each in profile.columns if each.missing]
    lines = [
        f"{profile.name}: {profile.rows} rows of {content_text(dataset.input)}",
        f"labels: {shares_text(profile)}",
        *([f"missing values: {join_strings(gaps)}"] if gaps else []),
        *(f"note: {note}" for note in profile.notes),
        *(f"warning: {warning}" for warning in warnings(profile)),
    ]
    return [escaped(line) for line in lines]


def shares_text(profile: Profile) -> str:
    """Return the labels with their shares of the rows, the most frequent first."""
    rows = sum(profile.labels.values())
    shares = [f"{label!r} {count / rows:.1%}" for label, count in profile.labels.items()]
    return join_strings(shares)


def content_text(row: Input) -> str:
    """Describe what a row holds: an image, or columns by kind."""
    if row.kind == "image":
        size = "×".join(map(str, row.shape))
        bounds = "" if row.low is None or row.high is None else f" {row.low:g} to {row.high:g}"
        return f"images of {size}, {row.unit}{bounds}"
    kinds = Counter(_kind(column) for column in row.columns)
    counts = [f"{kinds[kind]} {kind}" for kind in ("numbers", "dates", "categories") if kinds[kind]]
    return f"{len(row.columns)} columns ({', '.join(counts)})"


def warnings(profile: Profile) -> list[str]:
    """Return what is suspicious, of columns with their names."""
    of_columns = [
        f"column {column.name!r}: {warning}"
        for column in profile.columns
        for warning in column.warnings
    ]
    return [*of_columns, *profile.warnings]


def _kind(column: Column) -> str:
    if column.categories:
        return "categories"
    return "numbers" if column.date is None else "dates"
