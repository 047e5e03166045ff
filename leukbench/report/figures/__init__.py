"""The figures of a study, in the order of its page; each is drawn when it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from leukbench.artefacts import COLOUR_HISTOGRAM
from leukbench.papers.schema import Claim
from leukbench.paths import remove_half_written
from leukbench.report.data import ReportData
from leukbench.report.figures.accuracy import Row, forest, ladder
from leukbench.report.figures.feasible import feasible_figure
from leukbench.report.figures.patients import confusion_figure
from leukbench.report.figures.scores import Pair, reliability_figure, roc_figure
from leukbench.report.figures.splits import split_figure
from leukbench.report.figures.style import Figure, write_figure
from leukbench.report.figures.training import costs_figure, training_figure
from leukbench.report.sections import only_class, status

__all__ = ["Figure", "figures_of", "write_figures"]


def figures_of(data: ReportData, paper: str, study: str) -> list[Figure]:
    """Return the figures of a study for which there is something to show.

    Files are named ``<paper>-<study>-<kind>`` without a suffix; kinds: forest, ladder, confusion, roc, reliability,
    training, costs, split, feasible.
    """
    return list(_figures(data, paper, study))


def write_figures(figures: list[Figure], folder: Path) -> list[Path]:
    """Write each figure as SVG and PNG below ``folder`` and return the files; others there are of earlier results
    and go.
    """
    made = [path for figure in figures for path in write_figure(figure, folder)]
    for old in set(folder.glob("[!.]*.[sp][vn]g")) - set(made):  # hidden ones are another report's, half written
        remove_half_written(old)
        old.unlink(missing_ok=True)
    return made


def _figures(data: ReportData, paper: str, study: str) -> Iterator[Figure]:
    ledger, stem = data.papers[paper], f"{paper}-{study}"
    headline = ledger.claim(ledger.studies[study].headline)
    rows = _rows(data, paper, study, headline.arm)
    if rows:
        if headline.metric == "accuracy":
            yield forest(f"{stem}-forest", headline, rows)
        if all(COLOUR_HISTOGRAM in row.view.models for row in rows):
            yield ladder(f"{stem}-ladder", rows)
        yield from _of_networks(rows, stem, ledger.claims)
        yield split_figure(f"{stem}-split", _both_sides(rows))
    feasible = feasible_figure(f"{stem}-feasible", ledger, study, data.findings)
    if feasible is not None:
        yield feasible


def _rows(data: ReportData, paper: str, study: str, arm: str) -> list[Row]:
    """Return the experiments of a study with the headline's network, or the first that was run."""
    found = []
    for name in data.experiments_of(paper, study):
        spec, view = data.experiments[name], data.views[name]
        shown = arm if arm in spec.arms else spec.arms[0]
        trained = view.models[shown].network is not None
        extent, answer = (status(data, name, shown), only_class(data, name, shown)) if trained else ("", "")
        found.append(Row(spec, view, shown, extent, answer))
    return found


def _of_networks(rows: list[Row], stem: str, claims: tuple[Claim, ...]) -> Iterator[Figure]:
    pairs: list[Pair] = [(row, network) for row in rows if (network := row.network.network) is not None]
    honest = next((pair for pair in pairs if pair[0].spec.protocol == "patient"), pairs[0])
    faithful = next((pair for pair in pairs if pair[0].spec.protocol == "as_published"), pairs[0])
    curves = [faithful] + [honest] * (honest is not faithful)
    one_class = honest[0].answer  # then a matrix, and scores of the class called, have nothing to show
    found = (
        None if one_class else confusion_figure(f"{stem}-confusion", *honest),
        roc_figure(f"{stem}-roc", pairs),
        None if one_class else reliability_figure(f"{stem}-reliability", *honest),
        training_figure(f"{stem}-training", curves, claims),
        costs_figure(f"{stem}-costs", honest[0]),
    )
    yield from (figure for figure in found if figure is not None)


def _both_sides(rows: list[Row]) -> list[Row]:
    """Return the first split as published, or else by image, beside the one by patient."""
    wanted = ({"as_published"}, {"image"}), ({"patient"},)
    found = [_first(rows, names) for names in wanted]
    return [row for row in found if row is not None] or rows[:1]


def _first(rows: list[Row], choices: tuple[set[str], ...]) -> Row | None:
    return next((row for names in choices for row in rows if row.spec.protocol in names), None)
