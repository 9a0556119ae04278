"""The convolutional network of 19 layers of Table 3 on CIFAR-10 and CIFAR-100."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from models.data.cifar import is_cifar
from models.data.source import Source
from models.evaluation import evaluate
from models.presets import Preset, preset
from models.reproduction.curves import loss_curves
from models.reproduction.experiment import Task
from models.reproduction.findings import Comparison, Findings, Picture
from models.reproduction.halving import training_losses
from models.reproduction.trainings import Training

PRESET = "cifar-19"
EPOCHS = 3


@dataclass(frozen=True, kw_only=True)
class Published:
    """A column of Table 3: mean ± spread of the test accuracy in percent, and parameters.

    `hours` are those of 400 epochs in the log that the authors released.
    """

    name: str
    mean: float
    spread: float
    parameters: int
    hours: float


CIFAR_10 = Published(name="CIFAR-10", mean=92.31, spread=0.12, parameters=2_256_838, hours=10.9)
CIFAR_100 = Published(name="CIFAR-100", mean=67.61, spread=0.15, parameters=2_265_928, hours=14.9)
PAPER_EPOCHS = 400
JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
JPEG_NOTE = (
    "The images have been stored again as JPEG and have lost detail: accuracies on them are not "
    "those on the paper's data."
)


def recipe() -> Preset:
    """Return the preset for a few epochs; in bfloat16 a step takes about half of the time."""
    chosen = preset(PRESET)
    training = replace(chosen.training, epochs=EPOCHS, precision="bf16-mixed", patience=None)
    return replace(chosen, training=training)


def is_jpeg(source: Source) -> bool:
    """Return whether the source is a folder with JPEG files below it, instead of CIFAR's own."""
    folder = Path(source.data)
    files = () if is_cifar(folder) else folder.rglob("*")
    return any(file.suffix.lower() in JPEG for file in files)


def reproduce_cifar(published: Published, task: Task) -> Findings:
    """Train the network, with few epochs by default, and estimate the time of the paper's 400."""
    chosen = task.effort.applied(recipe())
    jpeg = is_jpeg(task.trainings.source)
    data = f"{published.name}, re-encoded as JPEG" if jpeg else published.name
    planned = [
        Training(
            name=f"{PRESET}/{published.name.lower()}-seed-{seed}-epochs-{chosen.training.epochs}",
            preset=replace(chosen, training=replace(chosen.training, seed=seed)),
            preset_name=PRESET,
        )
        for seed in range(task.effort.seeds or 1)
    ]
    runs = task.trainings.scored(planned)
    tests = [run.metrics()[-1] for run in runs]
    seconds = [line["seconds"] for line in runs[0].metrics() if "epoch" in line]
    epoch = sum(seconds) / len(seconds)
    rows = [
        Comparison(
            quantity="parameters",
            paper=f"{published.parameters:,}",
            here=f"{int(tests[0]['parameters']):,}",
        ),
        Comparison(quantity="epochs", paper=str(PAPER_EPOCHS), here=str(chosen.training.epochs)),
        *(
            Comparison(
                quantity=f"test accuracy on {data}, seed {seed}, %",
                paper=f"{published.mean:.2f} ± {published.spread:.2f}",
                here=f"{100 * test['test_accuracy']:.2f}",
            )
            for seed, test in enumerate(tests)
        ),
        Comparison(
            quantity=f"hours of {PAPER_EPOCHS} epochs",
            paper=f"{published.hours} on one GPU of 2015 (the authors' log)",
            here=f"{epoch * PAPER_EPOCHS / 3600:.0f}, estimated from the {len(seconds)} here",
        ),
    ]
    gates = evaluate(runs[0].network(), task.trainings.dataset.test).openness
    curves = {f"seed {seed}": training_losses(run) for seed, run in enumerate(runs)}
    return Findings(
        comparisons=tuple(rows),
        notes=(JPEG_NOTE,) if jpeg else (),
        numbers={"tests": tests, "loss_by_epoch": curves, "mean_gates": list(gates)},
        pictures={
            "loss": Picture(
                caption=f"Training loss by epoch on {data}.",
                draw=partial(loss_curves, {data: curves}),
            )
        },
    )
