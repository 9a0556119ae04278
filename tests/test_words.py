"""`docs.check_words` finds replaced words in prose and in identifiers; the project has none."""

import subprocess
from pathlib import Path

import pytest

from docs import check_words

# Not spelled out, so that this file contains no replaced word itself.
NOUN = "back" + "log"
PHRASE = next(phrase for phrase in check_words.replacements() if " " in phrase)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty git repository, which the check reads instead of the project."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    monkeypatch.setattr(check_words, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (f"The {NOUN} grows.", NOUN),
        (f"{NOUN.capitalize()}: 3", NOUN),
        (f"write_{NOUN}_rows = 1", NOUN),
        (f"class Write{NOUN.capitalize()}Rows: ...", NOUN),
        (f"Only {PHRASE} are allowed.", PHRASE),
        (PHRASE.replace(" ", "_").upper() + " = 1", PHRASE),
        ("class " + PHRASE.title().replace(" ", "") + ": ...", PHRASE),
        (PHRASE.replace(" ", "-"), PHRASE),
    ],
)
def test_a_replaced_word_is_found_with_its_line(
    repository: Path, capsys: pytest.CaptureFixture[str], text: str, word: str
) -> None:
    (repository / "page.md").write_text(f"first line\n{text}\n")
    (repository / "picture.svg").write_text(text)  # not read
    with pytest.raises(SystemExit) as exit_:
        check_words.main()
    assert exit_.value.code == f"1 to replace: {word} 1"
    standard = check_words.replacements()[word]
    assert capsys.readouterr().out == f"page.md:2: {word} -> {standard}\n"


@pytest.mark.parametrize("name", ["page.html", "page.js", "page.css", "page.py"])
def test_files_of_code_are_read(repository: Path, name: str) -> None:
    (repository / name).write_text(f"/* {NOUN} */")
    with pytest.raises(SystemExit):
        check_words.main()


@pytest.mark.parametrize(
    "text",
    [
        *(f"{NOUN}s", f"pre{NOUN}", f"listen({NOUN}=5)"),
        *("study.ask()", "rows.all_inner_texts()"),
        f'"image/png": "iVBORw0KGgo/{NOUN}/=",',
    ],
)
def test_parts_of_words_names_of_other_packages_and_pictures_are_allowed(
    repository: Path, text: str
) -> None:
    (repository / "page.md").write_text(text)
    check_words.main()


def test_files_that_git_ignores_and_binary_files_are_not_read(repository: Path) -> None:
    (repository / ".gitignore").write_text("build/\n")
    (repository / "build").mkdir()
    (repository / "build" / "page.md").write_text(NOUN)
    (repository / "picture.png").write_text(NOUN)
    check_words.main()


def test_the_project_has_no_replaced_word(capsys: pytest.CaptureFixture[str]) -> None:
    check_words.main()
    assert capsys.readouterr().out == "no words to replace\n"
