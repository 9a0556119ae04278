"""Options that mend the problems of a table, and the errors that carry them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.data.selection import Selection, write_missing
from models.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """Options that change how a table is read."""

    exclude: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    decimal: str | None = None

    def __add__(self, other: "Remedy") -> "Remedy":
        """Return all options of both; of two declarations of a column the later one."""
        left_out = dict.fromkeys(self.exclude + other.exclude)
        columns = dict(self.columns) | dict(other.columns)
        return Remedy(
            exclude=tuple(left_out),
            columns=tuple((name, kind) for name, kind in columns.items() if name not in left_out),
            missing=tuple(dict.fromkeys(self.missing + other.missing)),
            decimal=other.decimal or self.decimal,
        )

    def contradicts(self, other: "Remedy") -> bool:
        """Return whether the two need different decimal marks, of which a table has only one."""
        return None not in (self.decimal, other.decimal) and self.decimal != other.decimal

    def applied(self, selection: Selection) -> Selection:
        """Return the selection with these options."""
        text = selection.text
        columns = dict(text.columns) | dict(self.columns)
        return replace(
            selection,
            exclude=tuple(dict.fromkeys(selection.exclude + self.exclude)),
            text=replace(
                text,
                columns=tuple(pair for pair in columns.items() if pair[0] not in self.exclude),
                missing=tuple(dict.fromkeys(text.missing + self.missing)),
                decimal=self.decimal or text.decimal,
            ),
        )

    def words(self) -> tuple[str, ...]:
        """Return the options as words of a command line."""
        words: list[str] = []
        for name in self.exclude:
            words += ["--exclude", name]
        for name, kind in self.columns:
            words += ["--column", f"{name}={kind}"]
        if self.missing:
            words += ["--missing", write_missing(self.missing)]
        if self.decimal:
            words += ["--decimal", self.decimal]
        return tuple(words)

    def __str__(self) -> str:
        """Return the options quoted for a shell, in a message."""
        return f"`{shlex.join(self.words())}`"


class ColumnError(DataError):
    """A column that cannot be read; `remedy` is None if no option helps."""

    def __init__(self, message: str, remedy: Remedy | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class TableError(DataError):
    """All problems of a table; with the options of `remedy`, if there is one, it can be read."""

    def __init__(self, name: str, problems: Sequence[ColumnError], remedy: Remedy | None) -> None:
        sentences = [str(problem) for problem in problems]
        listed = "\n".join(f"  {sentence.removeprefix(f'{name}: ')}" for sentence in sentences)
        several = f"{name}: the table has {len(sentences)} problems:\n{listed}"
        super().__init__(several if len(sentences) > 1 else sentences[0])
        self.options = () if remedy is None else remedy.words()
