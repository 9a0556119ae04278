"""A search from its settings to its findings, or on from where it was stopped."""

from collections.abc import Iterator
from pathlib import Path

import torch
from rich.table import Table

from models.data.dataset import Dataset
from models.networks.preparation import preparation_for
from models.recipe import Hardware
from models.search.config import Effort, SearchConfig, keep
from models.search.picture import write_pictures
from models.search.report import Ranking, best_line, best_table, importance_line, write_csv
from models.search.space import Numbers
from models.search.study import Study
from models.search.trial import Bench
from models.search.workers import try_all


def search(
    out: Path, config: SearchConfig, dataset: Dataset, effort: Effort, hardware: Hardware
) -> tuple[list[str | Table], Numbers]:
    """Try numbers until `effort.trials` trials are over; return what to tell, and the best numbers.

    The best trial has the lowest validation loss after the last epoch, that of the weights it
    keeps. Accuracy moves in steps of a row and ties where few rows are held out; the lowest loss
    of any epoch would be one that no weights were kept for, and luckier the more epochs there are.
    """
    bench = _bench(out, config, dataset, effort, hardware)
    keep(out, config)
    plain, seed = config.preset.plain, config.preset.training.seed
    with Study(out, sampler=config.sampler, seed=seed, plain=plain) as study:
        try_all(study, bench, effort)
        ranking = Ranking.of(study.records())
        write_csv(out, ranking)
        write_pictures(out, ranking, study.space)
        return list(_findings(study, bench, ranking)), ranking.best[0].numbers


def _bench(
    out: Path, config: SearchConfig, dataset: Dataset, effort: Effort, hardware: Hardware
) -> Bench:
    return Bench(
        out=out,
        data=config.data,
        preparation=preparation_for(dataset.input, dataset.train.x),
        preset=config.preset,
        hardware=hardware,
        threads=max(1, torch.get_num_threads() // effort.jobs),
    )


def _findings(study: Study, bench: Bench, ranking: Ranking) -> Iterator[str | Table]:
    best = ranking.best[0]
    yield best_table(ranking)
    importance = importance_line(study)
    if importance is not None:
        yield importance
    yield best_line(bench.run(best.number), best)
