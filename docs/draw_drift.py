"""Draw the drift benchmark's results: `.venv/bin/python -m docs.draw_drift`.

Reads docs/drift/results.json, which `python -m benchmarks.drift` writes. Writes the tables in
docs/drift.md and docs/measurements/drift.md, docs/drift/false_alarms.svg and
docs/drift/detected.svg.
"""

from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.drift.results import Detected, Required, Results, Tail, Weeks
from benchmarks.serving.page import filled, optional, table
from models.drawing import INK, drawing_settings, save
from service.drift.monitor import FALSE_ALARMS_PER_WEEK

DOCS = Path(__file__).parent
FOLDER = DOCS / "drift"

COLOURS = ("#2f81f7", "#d29922", "#3fb950", "#db6d28", "#8957e5")
MARKERS = "osD^v"
WINDOWS = {"5m": "5 minutes", "1h": "an hour", "1d": "a day"}


def draw_tails(axes: Axes, tails: list[Tail]) -> None:
    """Draw true frequency ÷ p-value over the p-value, for the largest number of held-out rows."""
    most = max(tail.held_out for tail in tails)
    kept = [tail for tail in tails if tail.held_out == most]
    for tail, colour, marker in zip(kept, COLOURS, MARKERS, strict=False):
        label = f"{tail.rows:,} rows"
        axes.plot(tail.p_values, tail.ratios, color=colour, marker=marker, label=label)
    axes.axhline(1, color=INK, linestyle="--")
    axes.set(xscale="log", ylim=(0, 1.6), xlabel="p-value of a layer", ylabel="frequency ÷ p-value")
    axes.invert_xaxis()
    axes.legend(frameon=False, ncols=2)
    axes.set_title(f"small p-values, {most:,} rows held out")


def draw_weeks(axes: Axes, weeks: list[Weeks]) -> None:
    """Draw the share of weeks with an alarm over the allowed number of false alarms."""
    for traffic, colour, marker in zip(weeks, COLOURS, MARKERS, strict=False):
        budgets = sorted(traffic.budgets)
        shares = [(index + 0.5) / len(budgets) for index in range(len(budgets))]
        label = traffic.traffic
        axes.plot(budgets, shares, color=colour, marker=marker, linestyle="", label=label)
    axes.axvline(FALSE_ALARMS_PER_WEEK, color=INK, linestyle="--")
    axes.annotate("threshold", (1.15 * FALSE_ALARMS_PER_WEEK, 1.03))
    least = min(min(traffic.budgets) for traffic in weeks)
    axes.set(xscale="log", xlim=(min(0.005, least / 2), None), ylim=(0, 1.1))
    axes.set(xlabel="false alarms a week allowed", ylabel="share of weeks with an alarm")
    axes.legend(
        frameon=False, title="requests a second", loc="upper left", bbox_to_anchor=(0.03, 0.92)
    )
    axes.set_title("weeks without drift")


def draw_required(axes: Axes, required: list[Required]) -> None:
    """Draw the rows that each window needs over the rotation angle of one digit in ten."""
    tenth = [rows for rows in required if rows.share == 0.1]
    for window, colour, marker in zip(WINDOWS, COLOURS, MARKERS, strict=False):
        points = [
            (rows.degrees, rows.nine_in_ten)
            for rows in tenth
            if rows.window == window and rows.nine_in_ten
        ]
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=WINDOWS[window])
    _rows_by_degrees(axes, tenth)
    axes.set_ylabel("rows in the window, nine trials in ten")
    axes.set_title("rows until a window drifts")


def draw_detected(axes: Axes, detected: list[Detected]) -> None:
    """Draw the requests until the alarm over the rotation angle, at several rates."""
    tenth = [trials for trials in detected if trials.share == 0.1]
    rates = sorted({trials.requests_per_second for trials in tenth})
    for rate, colour, marker in zip(rates, COLOURS, MARKERS, strict=False):
        points = [
            (trials.degrees, median(trials.rows))
            for trials in tenth
            if trials.requests_per_second == rate and not trials.missed
        ]
        label = f"{rate:g} a second"
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=label)
    _rows_by_degrees(axes, tenth)
    axes.set_ylabel("requests until the alarm, median")
    axes.set_title("requests until a server's alarm")


def _rows_by_degrees(axes: Axes, results: list[Required] | list[Detected]) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xticks(sorted({result.degrees for result in results}))
    axes.set_xlabel("degrees by which one digit in ten is rotated")
    axes.legend(frameon=False)


def tails_table(tails: list[Tail]) -> str:
    """Tabulate the true frequencies of p-values of 1e-8, divided by 1e-8."""
    return table(
        [
            {
                "held-out rows": f"{tail.held_out:,}",
                "rows in the window": f"{tail.rows:,}",
                "Pearson": f"{tail.pearson[-1]:,.2f}",
                "likelihood ratio": f"{tail.likelihood[-1]:.2f}",
                "the smaller": f"{tail.ratios[-1]:.2f}",
            }
            for tail in tails
        ]
    )


def weeks_table(weeks: list[Weeks]) -> str:
    """Tabulate the weeks without drift."""
    return table(
        [
            {
                "requests a second": traffic.traffic,
                "weeks": len(traffic.budgets),
                "rows": f"{traffic.rows:,}",
                "evaluations": f"{sum(traffic.evaluations.values()):,}",
                "weeks with an alarm": traffic.alarms,
                "if one a week were allowed": sum(budget < 1 for budget in traffic.budgets),
                "evaluations with corrected p ≤ 0.01, 0.001": ", ".join(
                    f"{sum(counts[bound] for counts in traffic.below.values()):,}"
                    for bound in (1, 2)
                ),
            }
            for traffic in weeks
        ]
    )


def required_table(required: list[Required]) -> str:
    """Tabulate the rows that a window needs for nine alarms in ten trials."""
    keys = sorted({(-rows.share, rows.degrees) for rows in required})
    by_key = {(-rows.share, rows.degrees, rows.window): rows for rows in required}
    tabulated = []
    for share, degrees in keys:
        windows = {window: by_key[share, degrees, window] for window in WINDOWS}
        tabulated.append(
            {
                "share": f"{-share:.0%}",
                "rotated by": f"{degrees:g}°",
                **{WINDOWS[w]: optional(rows.nine_in_ten, ",") for w, rows in windows.items()},
                "a day, by gates alone": optional(windows["1d"].by_gates, ","),
                "by labels": optional(windows["1d"].by_labels, ","),
                "by atypical rows": optional(windows["1d"].by_atypical, ","),
            }
        )
    return table(tabulated)


def detected_table(detected: list[Detected]) -> str:
    """Tabulate the requests until the alarm."""
    return table(
        [
            {
                "share": f"{trials.share:.0%}",
                "rotated by": f"{trials.degrees:g}°",
                "requests a second": f"{trials.requests_per_second:g}",
                "detected": f"{len(trials.rows)} of {len(trials.rows) + trials.missed}",
                "requests until then, median": f"{median(trials.rows):,.0f}"
                if trials.rows
                else "–",
                "most": f"{max(trials.rows):,}" if trials.rows else "–",
            }
            for trials in detected
        ]
    )


def main() -> None:
    """Write the pages' tables and the figures."""
    results = Results.read(FOLDER / "results.json")
    for page, tables in (
        (DOCS / "drift.md", {"required": required_table(results.required)}),
        (
            DOCS / "measurements" / "drift.md",
            {
                "tails": tails_table(results.tails),
                "weeks": weeks_table(results.weeks),
                "detected": detected_table(results.detected),
            },
        ),
    ):
        page.write_text(filled(page.read_text(), tables))
    with drawing_settings():
        alarms, detection = (Figure(figsize=(9, 3.6), layout="constrained") for _ in range(2))
        left, right = alarms.subplots(1, 2)
        draw_tails(left, results.tails)
        draw_weeks(right, results.weeks)
        window, server = detection.subplots(1, 2)
        draw_required(window, results.required)
        draw_detected(server, results.detected)
        for axes in (left, right, window, server):
            axes.grid(color=INK, alpha=0.25, linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
        for figure, name in ((alarms, "false_alarms"), (detection, "detected")):
            _, png = save(figure, FOLDER / name)
            png.unlink()  # the pages show the SVG


if __name__ == "__main__":
    main()
