from models.presets import preset
from models.reproduction.experiment import Effort


def test_the_users_numbers_replace_those_of_a_preset() -> None:
    chosen = preset("dense-10")
    changed = Effort(epochs=3, precision="bf16-mixed").applied(chosen)
    assert (changed.training.epochs, changed.training.precision) == (3, "bf16-mixed")
    assert changed.training.learning_rate == chosen.training.learning_rate
    assert changed.depth == chosen.depth


def test_without_numbers_a_preset_is_unchanged() -> None:
    assert Effort().applied(preset("dense-10")) == preset("dense-10")
