"""Usual names of arrays: the part of the data that each one belongs to, and what it holds."""

import re
from collections.abc import Iterable
from typing import Literal

from models.data.folders import PARTS, TRAIN
from models.errors import DataError, join_names

Content = Literal["rows", "labels"]
Pair = dict[Content, str]  # the names of a part's two arrays

CONTENTS: dict[str, Content] = {
    **dict.fromkeys(("x", "data", "image", "images"), "rows"),
    **dict.fromkeys(("y", "label", "labels", "target", "targets"), "labels"),
}
NAME = re.compile(
    f"(?:(?P<part>{'|'.join(PARTS)})_?)?(?P<content>{'|'.join(CONTENTS)})"
    f"(?:_?(?P<end>{'|'.join(PARTS)}))?",
    re.IGNORECASE,
)
KNOWN = (
    "'x' and 'y', 'images' and 'labels', or 'data' and 'target', alone or with 'train', 'val' and "
    "'test' as in 'x_train' or 'train_images'"
)


def pair_names(where: str, names: Iterable[str]) -> dict[str, Pair]:
    """Return the two arrays of each part, the training part first.

    Raises `DataError`, which begins with `where`, if a name is unknown, or an array is missing or
    ambiguous.
    """
    names = sorted(names)
    found = join_names(names) or "none"
    pairs: dict[str, Pair] = {}
    for name in names:
        match = NAME.fullmatch(name)
        if match is None or (match["part"] and match["end"]):
            raise DataError(f"{where}: expected arrays named {KNOWN}, found {found}")
        part = PARTS[(match["part"] or match["end"] or "train").lower()]
        content = CONTENTS[match["content"].lower()]
        other = pairs.setdefault(part, {}).setdefault(content, name)
        if other != name:
            raise DataError(
                f"{where}: expected one array of {part} {content}, found {other!r} and {name!r}; "
                "remove one"
            )
    if TRAIN not in pairs:
        raise DataError(f"{where}: expected arrays named {KNOWN}, found {found}")
    for part, pair in pairs.items():
        for content in ("rows", "labels"):
            if content not in pair:
                raise DataError(
                    f"{where}: expected an array of {part} {content} beside "
                    f"{next(iter(pair.values()))!r}, named {KNOWN}, found {found}"
                )
    return {part: pairs[part] for part in dict.fromkeys(PARTS.values()) if part in pairs}
