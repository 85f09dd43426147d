"""The table of figures, the raw figures as JSON, and the plot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.search.measure import Times
from bench.search.shapes import DETAILS, TARGETS, Target

MIX = {1_000_000: Target(7_000, 12_000), 10_000_000: Target(700, 1_000)}
"""Different queries a second, at so many vehicles."""
BULK = Target(25, 40)
CHANGE_US = Target(2.0, 0.5)
OURS = "ours"
_HEADER = ("shape", "ours", "best peer", "", "ratio", "at least", "aim", "reached")


class Peer(msgspec.Struct):
    """What was measured of one peer."""

    name: str
    general: bool
    """Whether it may be the best general peer."""
    version: str
    load: list[float]
    load_seconds: float
    """To take the stock in."""
    search_ms: Times
    bulk_ms: float | None = None
    change_us: float | None = None
    remarks: dict[str, float] = {}

    def median(self, shape: str) -> float:
        """Milliseconds of CPU of a query of the shape."""
        return float(np.median(self.search_ms[shape]))

    @property
    def queries_a_second(self) -> float:
        """Of all shapes in equal parts, one after the other."""
        return 1_000 / float(np.mean([one for times in self.search_ms.values() for one in times]))


class Figures(msgspec.Struct):
    """One run."""

    vehicles: int
    queries_a_shape: int
    tuples: int
    machine: dict[str, Any]
    peers: list[Peer]
    """What was not measured, and why."""


def table(figures: Figures) -> str:
    """The figures beside what they must be; ratios are of medians."""
    ours = next((peer for peer in figures.peers if peer.name == OURS), None)
    peers = [peer for peer in figures.peers if peer is not ours and peer.general]
    lines = [_HEADER, *_shape_lines(ours, peers), _mix_line(figures.vehicles, ours, peers)]
    lines.append(_bulk_line(figures.tuples, ours, peers))
    if ours is not None and ours.change_us is not None:
        reached = _reached(CHANGE_US.least or 0, ours.change_us, CHANGE_US.aim)
        lines.append(("status change to visible", f"{ours.change_us:.2f} us", "", "", "", "2 us", "0.5 us", reached))
    return "\n".join([_heading(figures), "", _laid_out(lines), "", _all_peers(figures)]).rstrip()


def _heading(figures: Figures) -> str:
    machine = figures.machine
    loads = ", ".join(f"{peer.name} {peer.load[0]}" for peer in figures.peers)
    return "\n".join(
        (
            f"{figures.vehicles:,} vehicles, {figures.queries_a_shape} queries a shape, shuffled; medians of CPU ms",
            f"{machine['processor']}, core {machine['core']} of {machine['cores']}, Python {machine['python']}",
            f"load of the machine after each: {loads}",
        )
    )


def _shape_lines(ours: Peer | None, peers: list[Peer]) -> Iterator[tuple[str, ...]]:
    for shape, detail in DETAILS.items():
        target = TARGETS[shape]
        best = min(peers, key=lambda peer: peer.median(shape), default=None)
        mine = ours.median(shape) if ours else None
        theirs = best.median(shape) if best else None
        ratio = theirs / mine if mine and theirs else None
        yield (
            f"{shape}: {detail}",
            "" if mine is None else f"{mine:.4f}",
            best.name if best else "",
            "" if theirs is None else f"{theirs:.3f}",
            "" if ratio is None else f"{ratio:.1f}x",
            *(f"{value:g}x" if value else "" for value in target),
            "" if ratio is None or target.least is None else _reached(ratio, target.least, target.aim),
        )


def _mix_line(vehicles: int, ours: Peer | None, peers: list[Peer]) -> tuple[str, ...]:
    target = MIX.get(vehicles, Target(None, None))
    best = max(peers, key=lambda peer: peer.queries_a_second, default=None)
    mine = ours.queries_a_second if ours else None
    ratio = mine / best.queries_a_second if mine and best else None
    return (
        "mix of all, queries/s",
        "" if mine is None else f"{mine:,.0f}",
        best.name if best else "",
        f"{best.queries_a_second:,.0f}" if best else "",
        "" if ratio is None else f"{ratio:.1f}x",
        *(f"{value:,.0f}" if value else "" for value in target),
        "" if mine is None or target.least is None else _reached(mine, target.least, target.aim),
    )


def _bulk_line(count: int, ours: Peer | None, peers: list[Peer]) -> tuple[str, ...]:
    best = min((peer for peer in peers if peer.bulk_ms is not None), key=lambda peer: peer.bulk_ms or 0, default=None)
    mine = ours.bulk_ms if ours else None
    ratio = best.bulk_ms / mine if best and best.bulk_ms and mine else None
    return (
        f"{count:,} bulk availability tuples",
        "" if mine is None else f"{mine:.2f}",
        best.name if best else "",
        f"{best.bulk_ms:.1f}" if best and best.bulk_ms is not None else "",
        "" if ratio is None else f"{ratio:.1f}x",
        *(f"{value:g}x" for value in BULK if value),
        "" if ratio is None else _reached(ratio, BULK.least or 0, BULK.aim),
    )


def _reached(value: float, least: float, aim: float | None) -> str:
    if value < least:
        return "NO"
    return "aim" if aim is not None and (value >= aim if aim >= least else least <= aim) else "yes"


def _all_peers(figures: Figures) -> str:
    """Every peer's medians, those that are only shown in brackets."""
    names = [peer.name if peer.general else f"({peer.name})" for peer in figures.peers]
    lines = [("median CPU ms", *names)]
    lines += [(shape, *(f"{peer.median(shape):.4f}" for peer in figures.peers)) for shape in DETAILS]
    lines.append(("queries/s", *(f"{peer.queries_a_second:,.0f}" for peer in figures.peers)))
    lines.append(("bulk, ms", *("-" if peer.bulk_ms is None else f"{peer.bulk_ms:.2f}" for peer in figures.peers)))
    lines.append(
        ("change, us", *("-" if peer.change_us is None else f"{peer.change_us:.2f}" for peer in figures.peers))
    )
    lines.append(("taken in, s", *(f"{peer.load_seconds:.1f}" for peer in figures.peers)))
    remarks = [f"{peer.name}: {name} {value:,.1f}" for peer in figures.peers for name, value in peer.remarks.items()]
    return "\n".join([_laid_out(lines), *remarks])


def _laid_out(lines: list[tuple[str, ...]]) -> str:
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def write(figures: Figures, folder: Path) -> list[Path]:
    """The table, the raw figures and the plots as files; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"search-{figures.vehicles}"
    texts, raw = folder / f"{name}.txt", folder / f"{name}.json"
    texts.write_text(table(figures) + "\n", encoding="utf-8")
    raw.write_bytes(msgspec.json.encode(figures))
    return [texts, raw, *_plotted(figures, folder / name)]


def _plotted(figures: Figures, stem: Path) -> list[Path]:
    """Bars on a logarithmic scale: for each shape every peer's median, the quickest first."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    shapes = list(DETAILS)
    peers = sorted(figures.peers, key=lambda peer: -peer.queries_a_second)
    figure, axes = plt.subplots(figsize=(14, 7.5), layout="constrained")
    width = 0.84 / len(peers)
    for place, peer in enumerate(peers):
        label = f"{peer.name} ({peer.queries_a_second:,.0f} queries/s)" + ("" if peer.general else ", by hand")
        at = np.arange(len(shapes)) + (place - (len(peers) - 1) / 2) * width
        axes.bar(
            at, [peer.median(shape) for shape in shapes], width, label=label,
            color="black" if peer.name == OURS else None, hatch=None if peer.general else "//",
        )  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylabel("CPU milliseconds a query (median)")
    axes.set_xticks(np.arange(len(shapes)), [shape.replace(" ", "\n", 1) for shape in shapes], fontsize=8)
    axes.set_title(f"Stock search, {figures.vehicles:,} vehicles, one core, different queries")
    axes.grid(axis="y", which="major", alpha=0.3)
    axes.legend(ncols=2, fontsize=9)
    written = [stem.with_suffix(suffix) for suffix in (".png", ".svg")]
    for path in written:
        figure.savefig(path, dpi=120)
    plt.close(figure)
    return written
