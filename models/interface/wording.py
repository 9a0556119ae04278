"""Messages that name options of the command line, in the words of the Python interface."""

import re
import shlex
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from models.data.selection import parse_columns, parse_missing
from models.errors import ModelsError, ModelsWarning

ARGUMENTS = {"column": "columns", "data": "moved"}  # options whose arguments have other names
VALUES = "balanced|best|exponential|gpu|papers|sgd|steps"
# A quotation mark before an option shows that it is part of a user's text.
OPTION = re.compile(rf"(?<![\w'\"-])--([a-z][a-z-]*[a-z])(?: ({VALUES})\b)?")
REMEDY = re.compile(r"`(--[^`]+)`")


@contextmanager
def in_python_words() -> Iterator[None]:
    """Replace the options in the message of an error of `models` by arguments."""
    try:
        yield
    except ModelsError as error:
        message = python_words(str(error))
        if error.options and "\n" in message:  # of several problems, each has only its own remedy
            message += f"\nit can be read with {arguments(error.options)}"
        error.args = (message,)
        raise


def warn(sentences: Iterable[str]) -> None:
    """Issue a `ModelsWarning` for each sentence, at the line that called the interface."""
    for sentence in sentences:
        warnings.warn(python_words(sentence), ModelsWarning, stacklevel=3)


def python_words(message: str) -> str:
    """Return a message with `class_weight='balanced'` instead of `--class-weight balanced`."""
    message = REMEDY.sub(lambda match: f"`{arguments(shlex.split(match[1]))}`", message)
    return OPTION.sub(_argument, message)


def arguments(words: Sequence[str]) -> str:
    """Return the options of a `Remedy`, each followed by its value, as arguments of `load_data`."""
    pairs = list(zip(words[::2], words[1::2], strict=True))
    values: dict[str, object] = {
        "exclude": [value for option, value in pairs if option == "--exclude"],
        "columns": parse_columns([value for option, value in pairs if option == "--column"]),
        "missing": [
            text
            for option, value in pairs
            if option == "--missing"
            for text in parse_missing(value)
        ],
        "decimal": next((value for option, value in pairs if option == "--decimal"), None),
    }
    return ", ".join(f"{name}={value!r}" for name, value in values.items() if value)


def _argument(match: re.Match[str]) -> str:
    name = ARGUMENTS.get(match[1], match[1].replace("-", "_"))
    return f"{name}={match[2]!r}" if match[2] else name
