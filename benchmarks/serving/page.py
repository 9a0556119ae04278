"""Markdown tables, and the markers in a page between which they are inserted."""

from collections.abc import Mapping, Sequence


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Format rows as a table; the keys are the headings."""
    if not rows:
        return "Not measured."
    lines = [rows[0].keys(), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def filled(page: str, parts: Mapping[str, str]) -> str:
    """Replace the text between `<!-- name -->` and `<!-- /name -->` by each part."""
    for name, part in parts.items():
        opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
        if page.count(opening) != 1 or page.count(closing) != 1:
            raise ValueError(f"page: expected {opening} and {closing} once each")
        before, rest = page.split(opening)
        page = f"{before}{opening}\n\n{part}\n\n{closing}{rest.split(closing)[1]}"
    return page


def counted(count: int, noun: str) -> str:
    """Return the number with the noun, in the plural unless it is one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def optional(value: float | None, form: str) -> str:
    """Format a number, None as a dash."""
    return "–" if value is None else format(value, form)
