from sqlalchemy import text

from service.ledger.filters import Filters
from service.ledger.scopes import TIME, UNUSUAL, Model, Scope, scopes
from service.ledger.tables import requests, tags

ONE = Model(number=1, name="digits", version="1", digest="", labels=("a", "b"), layers=())
TWO = Model(number=2, name="digits", version="2", digest="", labels=("b", "c"), layers=())
BOTH = (ONE, TWO)


def equalities(filters: Filters) -> list[dict[str, object]]:
    return [scope.equal for scope in scopes(filters, BOTH)]


def test_without_a_filter_all_rows_are_walked_through() -> None:
    assert scopes(Filters(), BOTH) == [Scope(table=requests)]
    assert scopes(Filters(model="digits"), BOTH) == [Scope(table=requests)]


def test_what_the_ledger_does_not_know_is_not_looked_for() -> None:
    for filters in (Filters(model="x"), Filters(version="3"), Filters(label="z")):
        assert scopes(filters, BOTH) == []
    assert scopes(Filters(), []) == []


def test_a_label_is_another_number_for_each_model() -> None:
    assert equalities(Filters(label="b")) == [{"model": 1, "label": 1}, {"model": 2, "label": 0}]
    assert equalities(Filters(label="b", version="2")) == [{"model": 2, "label": 0}]
    assert equalities(Filters(label="a")) == [{"model": 1, "label": 0}]


def test_a_model_is_only_in_the_order_of_time() -> None:
    (scope,) = scopes(Filters(version="2"), BOTH)
    assert scope.equal == {"model": 2}
    assert scope.ordered == frozenset({TIME})


def test_a_tag_has_a_table_of_its_own_and_an_id_goes_before_it() -> None:
    (scope,) = scopes(Filters(tag="canary"), BOTH)
    assert (scope.table, len(scope.rest)) == (tags, 0)
    assert scope.ordered == frozenset({TIME, UNUSUAL})
    (scope,) = scopes(Filters(tag="canary", id="one"), BOTH)
    assert (scope.table, scope.equal, len(scope.rest)) == (requests, {"id": "one"}, 1)


def test_a_widened_scope_asks_the_same_in_another_order() -> None:
    (scope,) = scopes(Filters(version="2"), BOTH)
    wide = scope.widened()
    assert not wide.equal
    assert wide.ordered == frozenset({TIME, UNUSUAL})
    (condition,) = wide.rest
    shown = condition.compile(compile_kwargs={"literal_binds": True})
    assert str(shown) == str(text("ledger_requests.model + 0 = 2"))
