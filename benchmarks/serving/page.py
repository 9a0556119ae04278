"""Markdown: tables, and the marks in a page between which they stand."""

from collections.abc import Mapping, Sequence


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Write rows, whose keys are the heads, as a table."""
    if not rows:
        return "Not measured."
    lines = [rows[0].keys(), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def filled(page: str, parts: Mapping[str, str]) -> str:
    """Put each part between `<!-- name -->` and `<!-- /name -->`, instead of what is there."""
    for name, part in parts.items():
        opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
        if page.count(opening) != 1 or page.count(closing) != 1:
            raise ValueError(
                f"page: expected {opening} and {closing} once each, found them missing or doubled"
            )
        before, rest = page.split(opening)
        page = f"{before}{opening}\n\n{part}\n\n{closing}{rest.split(closing)[1]}"
    return page


def optional(value: float | None, form: str) -> str:
    """Write a number, or a dash for none."""
    return "–" if value is None else format(value, form)
