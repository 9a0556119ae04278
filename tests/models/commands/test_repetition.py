import shlex

from hypothesis import given
from hypothesis import strategies as st

from models.commands.repetition import with_options


def again(arguments: list[str], options: list[str]) -> list[str]:
    """Return the words after the command's name."""
    words = shlex.split(with_options(["train", *arguments], options))
    return words[words.index("train") + 1 :]


def test_options_are_added_at_the_end() -> None:
    assert again(["my data.csv", "--target", "y"], ["--missing", "-"]) == [
        *("my data.csv", "--target", "y", "--missing", "-"),
    ]


def test_an_option_that_is_given_anew_is_replaced() -> None:
    assert again(
        ["t.csv", "--missing", "?", "--decimal=.", "--seed", "1"],
        ["--missing", "?,-", "--decimal", ","],
    ) == ["t.csv", "--seed", "1", "--missing", "?,-", "--decimal", ","]


def test_a_column_has_one_declaration_and_none_if_it_is_excluded() -> None:
    assert again(
        ["t.csv", "--column", "a=date", "--column", "b=date", "--column=c=date"],
        ["--column", "a=date:%d.%m.%Y", "--exclude", "b"],
    ) == ["t.csv", "--column=c=date", "--column", "a=date:%d.%m.%Y", "--exclude", "b"]


@given(words=st.lists(st.text("ab -='$\n", max_size=5), max_size=5))
def test_all_other_words_stay_as_they_are(words: list[str]) -> None:
    assert again(["t.csv", *words], ["--exclude", "id"]) == ["t.csv", *words, "--exclude", "id"]
