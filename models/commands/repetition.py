"""The same command once more, with options that mend its error."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from service import invocation

REPLACED = ("--missing", "--decimal")  # by a later one, which contains the strings of the former
EXCLUDE, COLUMN = "--exclude", "--column"


def with_options(arguments: Sequence[str], options: Sequence[str]) -> str:
    """Return the command of these arguments with further options, quoted for a shell.

    Options that the further ones replace are left out: another kind of the same column, or of a
    column that is excluded now.
    """
    command, *rest = arguments
    kept = [word for pair in _pairs(rest) if not _is_replaced(pair, options) for word in pair]
    return invocation.command(command, *kept, *options)


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield options of interest with their values, and all other words one by one."""
    position = 0
    while position < len(words):
        word = words[position]
        has_value = word in (*REPLACED, COLUMN) and position + 1 < len(words)
        yield tuple(words[position : position + 1 + has_value])
        position += 1 + has_value


def _is_replaced(words: tuple[str, ...], options: Sequence[str]) -> bool:
    option, equals, value = words[0].partition("=")
    if not equals and len(words) == 2:
        value = words[1]
    if option in REPLACED:
        return option in options
    return option == COLUMN and value.rpartition("=")[0] in _names(options)


def _names(options: Sequence[str]) -> list[str]:
    """Return the columns that the options exclude or declare."""
    pairs = list(pairwise(options))
    excluded = [value for option, value in pairs if option == EXCLUDE]
    declared = [value.rpartition("=")[0] for option, value in pairs if option == COLUMN]
    return excluded + declared
