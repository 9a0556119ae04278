"""The dense networks that are analysed and not compared: one training by a preset's own recipe."""

from dataclasses import replace

from models.networks.network import HighwayClassifier
from models.presets import preset
from models.reproduction.experiment import Task
from models.reproduction.trainings import Training
from models.run import Run

DEPTH = 50
GATE_BIAS = -2.0  # of the paper's network in figures 2 to 4 on MNIST
EPOCHS = 20


def dense(task: Task, depth: int, *, plain: bool = False) -> Training:
    """Return the training of a dense network: tanh, AdamW with one cycle, changed images.

    The recipe is that of the preset `dense-50` at any depth.
    """
    chosen = preset("dense-50")
    training = replace(chosen.training, epochs=EPOCHS, patience=None)
    chosen = replace(chosen, depth=depth, plain=plain, gate_bias=GATE_BIAS, training=training)
    kind = "plain" if plain else "highway"
    return Training(
        name=f"dense/{kind}-{depth}/preset-epochs-{task.effort.epochs or EPOCHS}",
        preset=task.effort.applied(chosen),
        preset_name="custom",
    )


def trained(task: Task, depth: int) -> tuple[Run, HighwayClassifier]:
    """Return the run and the highway network of that depth, trained if needed."""
    [run] = task.trainings.scored([dense(task, depth)])
    return run, run.network()
