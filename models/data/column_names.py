"""Names of columns: comparison after Unicode normalisation, and suggestions for misspelt names."""

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from unicodedata import normalize


def normalised(names: Sequence[str]) -> list[str]:
    """Return the names in NFC, as keyboards write them; macOS writes file names and more in NFD.

    Names that would become equal stay as they are.
    """
    composed = [normalize("NFC", name) for name in names]
    counts = Counter(composed)
    return [new if counts[new] == 1 else name for name, new in zip(names, composed, strict=True)]


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """Return a sentence part that suggests the most similar of `names`, or an empty string."""
    folded = [other for other in names if _folded(other) == _folded(name)]
    similar = folded or get_close_matches(name, names, n=1)
    return f"; did you mean {similar[0]!r}?" if similar else ""


def _folded(name: str) -> str:
    return normalize("NFKC", name).strip().casefold()
