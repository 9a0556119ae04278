"""A preset for a data set with the user's changes, none of which is without effect."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from models.data.dataset import Dataset
from models.errors import ConfigError
from models.networks.preparation import Preparation, preparation_for
from models.presets import PAPER_RECIPES, Preset, default_preset, preset
from models.recipe import TrainConfig
from models.settings import changed

CUSTOM = "custom"  # the name of a network that differs from its preset
BY_DEPTH: Literal["depth"] = "depth"  # the gate bias of `gate_bias_for_depth`
AUGMENTATIONS = ("shift", "rotate_degrees", "scale", "flip")
DROP_SCHEDULES = ("steps", "exponential")  # those that use the drop factor


@dataclass(frozen=True, kw_only=True)
class ChosenPreset:
    """A preset with the given options; `network` is its name, or custom if the network differs."""

    name: str
    network: str
    settings: Preset

    def preparation(self, dataset: Dataset) -> Preparation:
        """Return the preparation of the data set's rows."""
        settings = self.settings
        return preparation_for(
            dataset.input,
            dataset.train.x,
            quantiles=settings.quantiles,
            flag_size=settings.flag_size,
        )


def choose_preset(
    dataset: Dataset, name: str | None, given: Mapping[str, Any], *, recipe: str = "default"
) -> ChosenPreset:
    """Return the preset of that name, or the data's default, with the `given` settings.

    `given` has fields of `Preset` and `TrainConfig`; None keeps the preset's value. `gate_bias` may
    be `BY_DEPTH`. Raises `ConfigError` for a value out of bounds, or a setting without any effect.
    """
    given = {setting: value for setting, value in given.items() if value is not None}
    row, rows = dataset.input, len(dataset.train)
    name = name or default_preset(row, rows)
    base = _with_recipe(preset(name).fitted(row, rows), name, recipe)
    bias = given.get("gate_bias", base.gate_bias)
    changes = _settings_of(given, Preset) | {"gate_bias": None if bias == BY_DEPTH else bias}
    # A gate bias of None has a meaning, and `changed` would leave it out.
    network = changed(replace(base, gate_bias=None), **changes)
    chosen = replace(network, training=changed(base.training, **_settings_of(given, TrainConfig)))
    _refuse_unused(given, chosen, row.kind)
    label = name if recipe == "default" else f"{name}-{recipe}"
    is_base = replace(chosen, training=base.training) == base
    return ChosenPreset(name=name, network=label if is_base else CUSTOM, settings=chosen)


def check_validation(dataset: Dataset, *, patience: int | None, keep: str | None) -> None:
    """Raise `ConfigError` for a given setting that only validation rows give an effect.

    A preset's patience, and its choice of the best epoch, are not used without such rows.
    """
    for option, given in {"--patience": bool(patience), "--keep best": keep == "best"}.items():
        if given and not len(dataset.validation):
            raise ConfigError(
                f"{option}: needs validation rows; set --validation-share to a number above 0"
            )


def _settings_of(given: Mapping[str, Any], settings: type) -> dict[str, Any]:
    names = {field.name for field in fields(settings)}
    return {name: value for name, value in given.items() if name in names}


def _refuse_unused(given: Mapping[str, Any], chosen: Preset, kind: str) -> None:
    """Raise `ConfigError` for an option that has no effect with the other settings."""
    training = chosen.training
    needs = (
        (AUGMENTATIONS, kind == "image", "images"),
        (("kernel", "gate_kernel"), chosen.family != "dense", "a network with convolutions"),
        (("gate_bias",), not chosen.plain, "a network with gates"),
        (("momentum",), training.optimizer == "sgd", "--optimizer sgd"),
        (("drop_epochs",), training.schedule == "steps", "--schedule steps"),
        (("drop_factor",), training.schedule in DROP_SCHEDULES, "--schedule steps or exponential"),
    )
    for options, used, need in needs:
        for name in options:
            if name in given and not used:
                raise ConfigError(
                    f"--{name.replace('_', '-')}: has an effect only with {need}; leave it out"
                )
    if training.schedule == "steps" and not training.drop_epochs:
        raise ConfigError("--schedule steps: needs --drop-epochs")


def _with_recipe(chosen: Preset, name: str, recipe: str) -> Preset:
    if recipe == "default":
        return chosen
    if recipe != "papers":
        raise ConfigError(f"--recipe: expected default or papers, found {recipe!r}")
    if chosen.family not in PAPER_RECIPES:
        raise ConfigError(
            "--recipe papers: expected a preset with a configuration released by the papers' "
            f"authors (mnist-conv-16, mnist-conv-32, cifar-19), found {name}"
        )
    papers = PAPER_RECIPES[chosen.family]
    return replace(
        chosen,
        training=papers.training,
        dropout=papers.dropout,
        image_preparation=papers.image_preparation,
    )
