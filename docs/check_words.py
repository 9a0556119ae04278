"""Find words that the project replaces by standard ones: `python -m docs.check_words`.

`words.txt` lists them in the format of codespell's dictionaries. codespell finds words in prose;
this script also finds phrases, and words inside identifiers.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORDS = ROOT / "docs" / "words.txt"
CODE = {".py", ".js", ".css", ".html"}
SUFFIXES = CODE | {".md", ".toml", ".yml", ".yaml", ".txt", ".ipynb", ".in", ""}
SKIPPED = {"docs/words.txt", "LICENSE"}

# Names that others chose: a parameter of uvicorn and asyncio, methods of optuna and playwright, a
# user of Unix.
FOREIGN = re.compile(r'(?<!\w)backlog=|\.ask\b|\.all_inner_texts\b|"nobody"')
# A picture in a notebook, whose base64 contains any short word sooner or later.
PICTURE = re.compile(r'"image/png": "[^"]*"')


def replacements() -> dict[str, str]:
    """Return the standard words by the word or phrase that each replaces."""
    lines = WORDS.read_text().splitlines()
    return dict(line.split("->", maxsplit=1) for line in lines)


def occurrences(text: str, phrases: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Yield the number of each line with a replaced word, and the word."""
    for number, line in enumerate(text.splitlines(), start=1):
        prose = FOREIGN.sub("", PICTURE.sub("", line))
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", prose)
        words = re.sub(r"[_\W]+", " ", words).lower()
        for match in phrases.finditer(words):
            yield number, match.group()


def files() -> Iterator[Path]:
    """Yield the text files that git tracks or could track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in listed:
        path = ROOT / name
        if path.suffix in SUFFIXES and name not in SKIPPED and path.is_file():
            yield path


def main() -> None:
    """Print every occurrence and the counts, and exit with 1 if there are any."""
    standard = replacements()
    alternatives = "|".join(sorted(standard, key=len, reverse=True))
    phrases = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")
    counts: Counter[str] = Counter()
    for path in files():
        for number, word in occurrences(path.read_text(), phrases):
            counts[word] += 1
            sys.stdout.write(f"{path.relative_to(ROOT)}:{number}: {word} -> {standard[word]}\n")
    if counts:
        listed = ", ".join(f"{word} {count}" for word, count in counts.most_common())
        raise SystemExit(f"{counts.total()} to replace: {listed}")
    sys.stdout.write("no words to replace\n")


if __name__ == "__main__":
    main()
