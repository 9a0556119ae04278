"""Draw what the drift benchmark found: `.venv/bin/python -m docs.draw_drift`.

Reads docs/drift/results.json, which `python -m benchmarks.drift` writes, puts its tables into
docs/drift.md, and writes docs/drift/false_alarms.svg and docs/drift/noticed.svg.
"""

from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.drift.results import Needed, Noticed, Quiet, Results, Tail
from benchmarks.serving.page import filled, optional, table
from models.drawing import INK, drawing_settings, save
from service.drift.verdict import FALSE_ALARMS_A_WEEK

FOLDER = Path(__file__).parent / "drift"
PAGE = Path(__file__).parent / "drift.md"

COLOURS = ("#2f81f7", "#d29922", "#3fb950", "#db6d28", "#8957e5")
MARKERS = "osD^v"
WINDOWS = {"5m": "5 minutes", "1h": "an hour", "1d": "a day"}


def draw_tails(axes: Axes, tails: list[Tail]) -> None:
    """Draw how often a p-value comes, over what it says, for the most held-out rows."""
    most = max(tail.held_out for tail in tails)
    kept = [tail for tail in tails if tail.held_out == most]
    for tail, colour, marker in zip(kept, COLOURS, MARKERS, strict=False):
        label = f"{tail.rows:,} rows"
        axes.plot(tail.p_values, tail.ratios, color=colour, marker=marker, label=label)
    axes.axhline(1, color=INK, linestyle="--")
    axes.set(
        xscale="log", ylim=(0, 1.6), xlabel="p-value of a layer", ylabel="how often it comes ÷ it"
    )
    axes.invert_xaxis()
    axes.legend(frameon=False, ncols=2)
    axes.set_title(f"small p-values, {most:,} rows held out")


def draw_weeks(axes: Axes, quiet: list[Quiet]) -> None:
    """Draw every week without drift, by how many false alarms would have had to be allowed."""
    for each, colour, marker in zip(quiet, COLOURS, MARKERS, strict=False):
        budgets = sorted(each.budgets)
        shares = [(place + 0.5) / len(budgets) for place in range(len(budgets))]
        label = each.traffic
        axes.plot(budgets, shares, color=colour, marker=marker, linestyle="", label=label)
    axes.axvline(FALSE_ALARMS_A_WEEK, color=INK, linestyle="--")
    axes.annotate("the rule", (1.15 * FALSE_ALARMS_A_WEEK, 1.03))
    least = min(min(each.budgets) for each in quiet)
    axes.set(xscale="log", xlim=(min(0.005, least / 2), None), ylim=(0, 1.1))
    axes.set(xlabel="false alarms a week allowed", ylabel="share of weeks with one")
    axes.legend(
        frameon=False, title="requests a second", loc="upper left", bbox_to_anchor=(0.03, 0.92)
    )
    axes.set_title("weeks without drift")


def draw_needed(axes: Axes, needed: list[Needed]) -> None:
    """Draw how many rows a window needs, against how far one digit in ten is turned."""
    tenth = [each for each in needed if each.share == 0.1]
    for window, colour, marker in zip(WINDOWS, COLOURS, MARKERS, strict=False):
        here = [each for each in tenth if each.window == window and each.nine_in_ten]
        rows = [each.nine_in_ten or 0 for each in here]
        degrees, label = [each.degrees for each in here], WINDOWS[window]
        axes.plot(degrees, rows, color=colour, marker=marker, label=label)
    _rows_by_degrees(axes, tenth)
    axes.set_ylabel("rows in the window, nine trials in ten")
    axes.set_title("what each window needs")


def draw_noticed(axes: Axes, noticed: list[Noticed]) -> None:
    """Draw how many requests pass before a server says so, at several rates."""
    tenth = [each for each in noticed if each.share == 0.1]
    rates = sorted({each.requests_per_second for each in tenth})
    for rate, colour, marker in zip(rates, COLOURS, MARKERS, strict=False):
        here = [each for each in tenth if each.requests_per_second == rate and not each.missed]
        degrees, rows = zip(*[(each.degrees, median(each.rows)) for each in here], strict=True)
        axes.plot(degrees, rows, color=colour, marker=marker, label=f"{rate:g} a second")
    _rows_by_degrees(axes, tenth)
    axes.set_ylabel("requests until the alarm, median")
    axes.set_title("what a server needs")


def _rows_by_degrees(axes: Axes, found: list[Needed] | list[Noticed]) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xticks(sorted({each.degrees for each in found}))
    axes.set_xlabel("degrees by which one digit in ten is turned")
    axes.legend(frameon=False)


def drawn(left: tuple[Axes, ...]) -> None:
    """Give every panel the same look."""
    for axes in left:
        axes.grid(color=INK, alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)


def tails_table(tails: list[Tail]) -> str:
    """Tell how much too often p-values of 1e-8 come."""
    return table(
        [
            {
                "held-out rows": f"{each.held_out:,}",
                "rows in the window": f"{each.rows:,}",
                "Pearson": f"{each.pearson[-1]:,.2f}",
                "likelihood ratio": f"{each.likelihood[-1]:.2f}",
                "the smaller": f"{each.ratios[-1]:.2f}",
            }
            for each in tails
        ]
    )


def quiet_table(quiet: list[Quiet]) -> str:
    """Tell the weeks without drift."""
    return table(
        [
            {
                "requests a second": each.traffic,
                "weeks": len(each.budgets),
                "rows": f"{each.rows:,}",
                "looks": f"{sum(each.looks.values()):,}",
                "weeks with an alarm": each.alarms,
                "if one a week were allowed": sum(budget < 1 for budget in each.budgets),
                "looks with corrected p ≤ 0.01, 0.001": ", ".join(
                    f"{sum(counts[place] for counts in each.below.values()):,}" for place in (1, 2)
                ),
            }
            for each in quiet
        ]
    )


def needed_table(needed: list[Needed]) -> str:
    """Tell the rows that a window needs for nine alarms in ten trials."""
    keys = sorted({(-each.share, each.degrees) for each in needed})
    by_key = {(-each.share, each.degrees, each.window): each for each in needed}
    rows = []
    for share, degrees in keys:
        found = {window: by_key[share, degrees, window] for window in WINDOWS}
        rows.append(
            {
                "share": f"{-share:.0%}",
                "turned by": f"{degrees:g}°",
                **{WINDOWS[w]: optional(each.nine_in_ten, ",") for w, each in found.items()},
                "a day, by gates alone": optional(found["1d"].by_gates, ","),
                "by labels": optional(found["1d"].by_labels, ","),
                "by unusual rows": optional(found["1d"].by_unusual, ","),
            }
        )
    return table(rows)


def noticed_table(noticed: list[Noticed]) -> str:
    """Tell the requests that pass until the alarm."""
    return table(
        [
            {
                "share": f"{each.share:.0%}",
                "turned by": f"{each.degrees:g}°",
                "requests a second": f"{each.requests_per_second:g}",
                "noticed": f"{len(each.rows)} of {len(each.rows) + each.missed}",
                "requests until then, median of these": f"{median(each.rows):,.0f}"
                if each.rows
                else "–",
                "most": f"{max(each.rows):,}" if each.rows else "–",
            }
            for each in noticed
        ]
    )


def main() -> None:
    """Write the pictures and the page."""
    results = Results.read(FOLDER / "results.json")
    tables = {
        "tails": tails_table(results.tails),
        "quiet": quiet_table(results.quiet),
        "needed": needed_table(results.needed),
        "noticed": noticed_table(results.noticed),
    }
    PAGE.write_text(filled(PAGE.read_text(), tables))
    with drawing_settings():
        alarms, found = (Figure(figsize=(9, 3.6), layout="constrained") for _ in range(2))
        left, right = alarms.subplots(1, 2)
        draw_tails(left, results.tails)
        draw_weeks(right, results.quiet)
        window, server = found.subplots(1, 2)
        draw_needed(window, results.needed)
        draw_noticed(server, results.noticed)
        drawn((left, right, window, server))
        for figure, name in ((alarms, "false_alarms"), (found, "noticed")):
            _, png = save(figure, FOLDER / name)
            png.unlink()  # the page shows the SVG


if __name__ == "__main__":
    main()
