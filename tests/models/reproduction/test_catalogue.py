from dataclasses import fields

import pytest

from models.errors import ConfigError
from models.reproduction.catalogue import EXPERIMENTS, experiment
from models.reproduction.experiment import Effort


def test_every_experiment_has_a_name_of_its_own_and_options_that_exist() -> None:
    known = {field.name for field in fields(Effort)}
    for name, entry in EXPERIMENTS.items():
        assert experiment(name) is entry
        assert entry.name == name
        assert set(entry.options) <= known
        assert all((entry.about, entry.source, entry.duration))
        assert 0 <= entry.validation_share <= 0.5


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as error:
        experiment("flight")
    assert str(error.value) == (f"NAME: expected one of {', '.join(EXPERIMENTS)}, found 'flight'")
