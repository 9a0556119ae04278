"""The trainings of an experiment: ordinary run directories, trained side by side, resumable."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from rich.progress import BarColumn, TextColumn

from models.data.dataset import Dataset
from models.data.source import Source, load
from models.directory import locked, write_atomically
from models.errors import DivergedError, RunError
from models.networks.blocks import ConvBlock, HighwayConvBlock
from models.networks.preparation import preparation_for
from models.presets import Preset
from models.processes import TrainingProcesses, resumable
from models.progress import progress_bar
from models.recipe import Hardware, check_training
from models.run import CONFIG, METRICS, Run
from models.run_config import DataConfig, RunConfig

RUNS = "runs"
DIVERGED = "diverged.txt"  # in the directory of a training that failed: the reason
_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TextColumn("{task.percentage:.0f} %"),
)
POLL_SECONDS = 2.0  # between two reads of the metrics of running trainings
OnFinished = Callable[[str], None]  # called with one line about a training


@dataclass(frozen=True, kw_only=True)
class Training:
    """One planned training: the run's name, and the preset with all its settings.

    `preset_name` is kept in the run's `config.json`: a name from `highway presets`, or "custom". A
    `trial` is only compared with others: the statistics of its gates are left out.
    """

    name: str
    preset: Preset
    preset_name: str
    trial: bool = False


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """The run directories below `out`, on one source of data and one kind of hardware."""

    out: Path
    source: Source
    jobs: int
    threads: int  # of each process
    hardware: Hardware
    on_finished: OnFinished
    used: list[Run] = field(default_factory=list)  # all runs that `finished` returned

    @cached_property
    def dataset(self) -> Dataset:
        """The rows of the source."""
        return load(self.source)

    @cached_property
    def data(self) -> DataConfig:
        """The description of the source."""
        return DataConfig.of(self.source, self.dataset)

    def run(self, training: Training) -> Run:
        """Return the run directory of a training."""
        return Run(self.out / RUNS / training.name)

    def config(self, training: Training) -> RunConfig:
        """Return the configuration of a training; a `ConfigError` if it cannot be built."""
        rows = self.dataset
        chosen = training.preset
        chosen = replace(chosen, training=replace(chosen.training, threads=self.threads))
        preparation = preparation_for(rows.input, rows.train.x)
        return RunConfig.of(self.data, chosen, preparation, name=training.preset_name)

    def finished(self, trainings: Iterable[Training]) -> list[Run]:
        """Return the finished runs, in order, after those that are missing have been trained.

        A stopped training continues after its last complete epoch. A training that diverged has a
        run without weights, and is not repeated. Raises `StoppedError` after Ctrl-C, and `RunError`
        for a directory that has a training with other settings, or that another process trains.
        """
        planned = list(trainings)
        pending = [training for training in planned if not self._is_finished(training)]
        if pending:
            self._train(pending)
        runs = [self.run(training) for training in planned]
        for run in runs:
            _drop_checkpoint(run)  # of a process killed before it did
        self.used.extend(runs)
        return runs

    def scored(self, trainings: Iterable[Training]) -> list[Run]:
        """Return the finished runs as `finished` does, all with weights and test scores.

        Raises `DivergedError` if a training has diverged.
        """
        runs = self.finished(trainings)
        for run in runs:
            refuse_diverged(run)
        return runs

    @property
    def minutes(self) -> float:
        """The time of all trainings that were used, summed, in minutes."""
        runs = {run.path: run for run in self.used}
        return sum(map(training_seconds, runs.values())) / 60

    @property
    def revisions(self) -> tuple[str, ...]:
        """The source revisions of all trainings that were used, in the order of their use."""
        return tuple(dict.fromkeys(run.config().source_revision for run in self.used))

    def _is_finished(self, training: Training) -> bool:
        """Return whether the training has finished or diverged.

        Raises `RunError` if its directory has a training with other settings.
        """
        run = self.run(training)
        if not (run.path / CONFIG).is_file():
            return False
        expected, found = self.config(training), run.config()
        # The data may have moved: their digest is compared, and not their path.
        data = replace(
            found.data,
            name=expected.data.name,
            source=replace(found.data.source, data=expected.data.source.data),
        )
        if not replace(found, data=data).same_settings(expected):
            raise RunError(
                f"{run.path}: expected a training with the settings of this experiment, found "
                "other settings or other data; remove the directory, or choose another --out"
            )
        return has_ended(run)

    def _train(self, pending: Sequence[Training]) -> None:
        configs = [self.config(training) for training in pending]
        for config in configs:  # before a directory is created, which would keep wrong settings
            check_training(config.training, self.hardware)
        work = [config.training.epochs * _step_cost(config) for config in configs]
        processes = TrainingProcesses(
            min(self.jobs, len(pending)),
            threads=self.threads,
            hardware=self.hardware,
            preload=["models.reproduction.trainings"],
        )
        kept = f"complete epochs are kept in {self.out / RUNS}"
        with resumable(lambda: kept), processes, progress_bar(*_COLUMNS) as progress:
            task = progress.add_task(f"0 of {len(pending)} trainings", total=sum(work))
            running = {
                processes.submit(
                    train_run, self.run(training).path, config, self.hardware, training.trial
                ): training
                for training, config in zip(pending, configs, strict=True)
            }
            while running:
                ended = wait(running, POLL_SECONDS, FIRST_COMPLETED).done
                for future in ended:
                    self.on_finished(f"{running.pop(future).name}: {future.result()}")
                progress.update(
                    task,
                    completed=sum(map(self._completed, pending, configs)),
                    description=f"{len(pending) - len(running)} of {len(pending)} trainings",
                )

    def _completed(self, training: Training, config: RunConfig) -> float:
        """Return the work done in a training: its epochs times the cost of one."""
        run = self.run(training)
        epochs = config.training.epochs
        if not has_ended(run):
            metrics = run.path / METRICS
            lines = metrics.read_bytes().count(b"\n") if metrics.is_file() else 0
            epochs = min(lines, epochs)
        return epochs * _step_cost(config)


def has_diverged(run: Run) -> bool:
    """Return whether the training ended because its loss was not finite."""
    return (run.path / DIVERGED).is_file()


def has_ended(run: Run) -> bool:
    """Return whether nothing is left to train."""
    return run.finished or has_diverged(run)


def refuse_diverged(run: Run) -> None:
    """Raise `DivergedError` for a run without weights, because its loss was not finite."""
    if has_diverged(run):
        reason = (run.path / DIVERGED).read_text().strip()
        raise DivergedError(
            f"{run.path}: expected a trained network, found a training that diverged: {reason}; "
            "give other data or another --precision, and another --out"
        )


def train_run(path: Path, config: RunConfig, hardware: Hardware, trial: bool) -> str:
    """Train one run, or continue it, and return its scores or why it diverged in a few words.

    A run that has ended meanwhile is only read. Raises `RunError` while another process trains it.
    """
    path.mkdir(parents=True, exist_ok=True)
    with locked(path, "training this run"):
        run = Run(path)
        if not (path / CONFIG).is_file():
            for partial in path.glob("*.partial"):  # of a process killed at its first file
                partial.unlink()
            run = Run.create(path, config)
        if not has_ended(run):
            _train(run, config, hardware, trial)
            _drop_checkpoint(run)
        return _outcome(run)


def _train(run: Run, config: RunConfig, hardware: Hardware, trial: bool) -> None:
    from models.training.trainer import train  # imports Lightning, which takes seconds

    dataset = _Loaded.dataset_of(config.data.source)
    try:
        train(run, config, dataset, hardware, show_progress=False, with_gates=not trial)
    except DivergedError as error:
        reason = str(error).partition(";")[0]
        write_atomically(run.path / DIVERGED, f"{reason}\n".encode())


def _drop_checkpoint(run: Run) -> None:
    if (checkpoint := run.checkpoint()) is not None:
        checkpoint.unlink()  # three times as large as the weights


def _outcome(run: Run) -> str:
    if has_diverged(run):
        return (run.path / DIVERGED).read_text().strip()
    test = run.metrics()[-1]
    return (
        f"{test['test_accuracy']:.2%} of {test['test_rows']:,} test rows, "
        f"{training_seconds(run) / 60:.1f} minutes"
    )


def training_seconds(run: Run) -> float:
    """Return the time of all epochs of a run; 0 of one that diverged in its first."""
    metrics = run.path / METRICS
    if not metrics.is_file() or not metrics.stat().st_size:
        return 0.0
    return sum(line["seconds"] for line in run.metrics() if "epoch" in line)


class _Loaded:
    """The rows of the last source, kept in a worker process from one training to the next."""

    source: Source | None = None
    dataset: Dataset

    @classmethod
    def dataset_of(cls, source: Source) -> Dataset:
        if cls.source != source:
            cls.dataset, cls.source = load(source), source
        return cls.dataset


def _step_cost(config: RunConfig) -> float:
    """Return the relative time of an epoch: blocks of a deep network take it, whatever their size.

    Only used for the time left; the constants were fitted to networks of 10 to 100 dense layers and
    to convolutions of 16 and 32 channels.
    """
    blocks = config.network.blocks
    return sum(30.0 if isinstance(block, ConvBlock | HighwayConvBlock) else 1.0 for block in blocks)
