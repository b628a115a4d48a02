"""The picture of a run: losses by term, validation, learning rate, and where its stages begin.

Equal histories give equal bytes: no dates, no random ids, nothing of the machine's own settings.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.files import SavedFile, save_file
from distill_core.outputs.panels import Line, Panel, Points, group_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["save_curves"]

# Told apart by people of any colour vision, on white: Okabe and Ito's, two of them darkened; the dashboard's too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b0629a", "#a97b00", "#3a9bd0", "#4b4540")
TOTAL_COLOUR = "#1b1b1b"
STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
MUTED = "#6b6660"
WIDTH_IN = 10.0
PANEL_HEIGHT_IN = 2.3
PICTURE_DPI = 144
FONT_SIZE = 9
FEW_POINTS = 40
LEGEND_ROWS = 12
CHARACTER_WIDTH_IN = 0.085
AXES_WIDTH_IN = 7.5
MARGIN_RATIO = 0.005
"""Share of the steps that is left free at the right, where the last marker would be cut."""

SETTINGS: dict[Any, Any] = {
    "font.size": FONT_SIZE,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": TOTAL_COLOUR,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": "#e4e0da",
    "grid.linewidth": 0.6,
    "svg.hashsalt": "stillhouse",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


def save_curves(path: Path, history: Mapping[str, Points], stages: Sequence[tuple[str, int]]) -> SavedFile | None:
    """Draw a history into a file of the format that its suffix says, .svg or .png.

    Args:
        path: where it is written.
        history: metric -> (step, value), in order.
        stages: name of each stage and the steps taken before it, in order.

    Returns:
        The file; None where the history holds nothing to draw.
    """
    panels = group_panels(history, [first for _, first in stages])
    if not panels:
        return None
    picture = _draw(panels, stages, path.suffix.removeprefix("."))
    return save_file(path, lambda file: file.write(picture))


def _draw(panels: Sequence[Panel], stages: Sequence[tuple[str, int]], suffix: str) -> bytes:
    import matplotlib as mpl  # noqa: PLC0415  it takes a second, and only the end of a run needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    metadata = {"Date": None} if suffix == "svg" else {"Software": None}
    buffer = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        figure = Figure((WIDTH_IN, PANEL_HEIGHT_IN * len(panels) + 0.6), layout="constrained")
        _fill(figure, panels, stages)
        figure.savefig(buffer, format=suffix, dpi=PICTURE_DPI, metadata=metadata)
    return buffer.getvalue()


def _fill(figure: Figure, panels: Sequence[Panel], stages: Sequence[tuple[str, int]]) -> None:
    columns = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    last = max(segment[-1][0] for panel in panels for line in panel.lines for segment in line.segments)
    for axes, panel in zip(columns, panels, strict=True):
        _draw_panel(axes, panel)
        _mark_stages(axes, stages, last)
    first = stages[0][1] if stages else 0
    columns[0].set_xlim(first, last + max(last - first, 1) * MARGIN_RATIO)
    columns[0].xaxis.get_major_locator().set_params(integer=True)
    columns[-1].set_xlabel("optimizer step")
    _name_stages(columns[0], stages, last)


def _draw_panel(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

    for number, line in enumerate(panel.lines):
        _draw_line(axes, line, number - (panel.lines[0].label == "loss"), is_stepped=panel.is_stepped)
    axes.grid(visible=True)
    axes.set_axisbelow(True)
    axes.set_ylabel(f"{panel.title} [{panel.unit}]" if panel.unit else panel.title)
    if panel.is_log:
        axes.set_yscale("log")
    if panel.unit == "%":
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    num_columns = -(-len(panel.lines) // LEGEND_ROWS)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, ncols=num_columns, borderaxespad=0.2)


def _draw_line(axes: Axes, line: Line, number: int, *, is_stepped: bool) -> None:
    """Draw the pieces of a line in one style; the total, whose number is -1, is dark and thick."""
    style: dict[str, Any] = {"color": TOTAL_COLOUR, "linewidth": 1.8, "markersize": 2.8}
    if number >= 0:
        dashes = STYLES[number // len(COLOURS) % len(STYLES)]
        style |= {"color": COLOURS[number % len(COLOURS)], "linewidth": 1.2, "linestyle": dashes}
    if is_stepped:
        style["drawstyle"] = "steps-post"
    label = "loss (weighted sum)" if line.label == "loss" else line.label
    for piece, segment in enumerate(line.segments):
        marker = "o" if len(segment) <= FEW_POINTS else ""
        steps, values = zip(*segment, strict=True)
        axes.plot(steps, values, label=label if piece == 0 else None, marker=marker, **style)


def _mark_stages(axes: Axes, stages: Sequence[tuple[str, int]], last: int) -> None:
    for number, (start, end) in enumerate(pairwise([*(first for _, first in stages), last])):
        if number:
            axes.axvline(start, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        if number % 2:
            axes.axvspan(start, end, color="#f3f0ea", zorder=0, linewidth=0)


def _name_stages(axes: Axes, stages: Sequence[tuple[str, int]], last: int) -> None:
    """Write each stage's name over its part, shortened to what fits."""
    width = max(last - stages[0][1], 1) if stages else 1
    for (name, start), end in zip(stages, [*(first for _, first in stages[1:]), last], strict=True):
        room = int((end - start) / width * AXES_WIDTH_IN / CHARACTER_WIDTH_IN)
        text = name if len(name) <= room else f"{name[: room - 1]}…" if room > 1 else ""
        axes.annotate(
            text, (start, 1.0), (3, 4), xycoords=("data", "axes fraction"), textcoords="offset points", color=MUTED
        )
