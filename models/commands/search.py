"""`highway search`: train many trials on data, and report the best."""

from dataclasses import asdict
from pathlib import Path

import torch
import typer
from rich.console import Console

from models.commands.choices import chosen_data, chosen_preset, required
from models.commands.options import EffortOptions, PresetOptions, RecipeOptions, SourceOptions
from models.overview import overview_lines
from models.recipe import Hardware
from models.scores import Baseline
from models.search.config import Effort, SearchConfig, as_options, keep_settings
from models.search.report import (
    Ranking,
    best_line,
    best_table,
    importance_line,
    write_csv,
    write_pictures,
)
from models.search.study import open_study
from models.search.trials import TrialContext, run_trials
from models.settings import changed
from service.invocation import command
from service.terminal import escaped

# Parameters that the printed command replaces, or that `train` lacks. A full training uses the
# epochs of the preset.
NOT_REPEATED = {"data", "out", "trials", "jobs", "sampler", "preset", "epochs"}


def search(
    source_options: SourceOptions,
    out: Path | None,
    effort_options: EffortOptions,
    options: PresetOptions,
    accelerator: str,
    typed: dict[str, list[str]],
) -> None:
    """Run or resume a search in `out`, print its report and how to train the best trial again.

    `typed` are the parameters of the command line, by name.
    """
    out = required(out, "--out", "a directory for the search")
    source, dataset = chosen_data(source_options)
    for line in overview_lines(dataset):
        typer.echo(escaped(line), err=True)
    chosen = chosen_preset(dataset, options, RecipeOptions())
    effort = changed(Effort(), **asdict(effort_options))
    config = SearchConfig.of(source, dataset, chosen.settings, effort.sampler)
    context = TrialContext(
        out=out,
        config=config,
        preparation=chosen.preparation(dataset),
        hardware=changed(Hardware(), accelerator=accelerator),
        threads=max(1, torch.get_num_threads() // effort.jobs),
    )
    keep_settings(out, config)
    with open_study(out, config) as study:
        run_trials(study, context, effort)
        validation = dataset.validation
        baseline = Baseline.of(dataset, validation)
        ranking = Ranking.of(study.records(), baseline, len(validation))
        importance = importance_line(study)
    write_csv(out, ranking)
    write_pictures(out, ranking, study.space)
    best = ranking.best[0]
    console = Console(soft_wrap=True)
    for part in (best_table(ranking), importance, best_line(context.run(best.number), ranking)):
        if part is not None:
            console.print(part, highlight=False, markup=False, emoji=False)
    again = ["train", source.data, "--out", str(out / "best"), "--preset", chosen.name]
    again += [word for key, words in typed.items() if key not in NOT_REPEATED for word in words]
    again += as_options(best.settings)
    if ranking.beats_baseline:
        typer.echo(
            escaped(f"all trials are in {out}; train the best at full length: {command(*again)}")
        )
    else:
        typer.echo(
            escaped(f"all trials are in {out}; next: a search with more --trials, or other columns")
        )
