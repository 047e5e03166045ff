"""Collect what a report prints from the stages' outputs, as records; nothing is computed here but
what runs measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from leukbench.artefacts import RunReceipt, from_plain
from leukbench.params import Params
from leukbench.paths import check_whole, out_folder, reports_folder, runs_folder
from leukbench.pipeline.compared import read_comparison
from leukbench.pipeline.layout import as_read, experiment_file, read_json
from leukbench.pipeline.results import PREDICTIONS, Result, checked_results, read_findings
from leukbench.pipeline.views import read_views, write_views
from leukbench.report.data import ExperimentResult, Measured, ReportData
from leukbench.sources import load_source
from leukbench.training.finished import is_finished, read_history, read_receipt


def gather(params: Params) -> ReportData:
    """Return everything that the pages of a profile show.

    Raises
    ------
    DataError
        Where something is missing, naming the stage that makes it.
    """
    from leukbench.papers.loader import load_paper

    results = {name: collected(Result(params, name)) for name in params.experiments}
    runs = [run for result in results.values() for run in result.receipt.runs]
    return ReportData(
        profile=params.profile,
        papers={key: load_paper(key) for key in params.papers},
        results=results,
        comparison=read_comparison(params),
        findings=read_findings(params),
        parameters=tuple(read_json(out_folder(params.profile, "parameters.json"), stage="count")),
        measured=measured_of(params, runs),
        views=read_views(params),
        by_image=dict(_by_image(params, results)),
        predictions=(
            *(experiment_file(params, "predictions", n, suffix) for n in params.experiments for suffix in PREDICTIONS),
            *(experiment_file(params, "predictions", n, ".parquet") for n in params.transfers),
        ),
    )


def _by_image(params: Params, results: Mapping[str, ExperimentResult]) -> Iterator[tuple[tuple[str, str], float]]:
    """Yield (experiment, model) and the share of tested images called right, where some are copies of one original."""
    for name, result in results.items():
        if all(fold.roles["test"].rows == fold.roles["test"].origins for fold in result.certificate.folds):
            continue
        table = Result(params, name).table
        chosen = table[table["selection"] == "recipe"]
        right = (chosen["label"] == chosen["predicted"]).groupby(chosen["arm"].astype(str)).mean()
        yield from (((name, str(arm)), float(share)) for arm, share in right.items())


def collected(result: Result) -> ExperimentResult:
    """Return one experiment's records, as pages hold them."""
    return ExperimentResult(
        experiment=result.experiment,
        plan=result.plan,
        certificate=result.certificate,
        receipt=result.receipt,
        evaluation=result.evaluation,
        stand_in=load_source(result.experiment.source).card.synthetic,
    )


def measured_of(params: Params, runs: Iterable[RunReceipt]) -> dict[str, Measured]:
    """Return what was measured of each run (times, memory, hardware), from runs/ or else from the committed report."""
    kept = read_measured(reports_folder(params.profile))
    found = {run.key: _of_run(run.key) or kept.get(run.key) for run in runs}
    return {key: measured for key, measured in found.items() if measured is not None}


def read_measured(folder: Path) -> dict[str, Measured]:
    """Return what a profile's committed folder keeps of its runs, by key; nothing where it keeps nothing."""
    file = folder / "measured.json"
    check_whole(file, needed=False, do="take measured.json and its sha256 from the repository again")
    plain = as_read(file, stage="report") if file.is_file() else {}
    return {key: from_plain(Measured, entry, where=f"{file}, {key}") for key, entry in plain.items()}


def _of_run(key: str) -> Measured | None:
    folder = runs_folder() / key
    if not is_finished(folder):
        return None
    receipt, history = read_receipt(folder), read_history(folder)
    return Measured(
        train_s=tuple(round(s, 4) for s in history["train_s"]),
        scoring_s=tuple(round(s, 4) for s in history["scoring_s"]),
        wall_s=round(receipt["wall_s"], 2),
        peak_memory_mib=round(receipt["peak_memory_mib"], 1),
        n_train_rows=receipt["n_train_rows"],
        hardware=as_read(folder / "environment.json", stage="train"),
    )


def report(params: Params) -> str:
    """Write the profile's pages, with the predictions and the record behind them."""
    from leukbench.pipeline.record import write_record

    checked_results(params)
    write_views(params)
    write_record(params)
    return write_pages(params)


def write_pages(params: Params) -> str:
    """Write all that a record is turned into: pages, figures, tables."""
    from leukbench.report.datapackage import write_tables
    from leukbench.report.pages import write_report
    from leukbench.report.tables import tables_of

    folder = reports_folder(params.profile)
    data = gather(params)
    write_report(data, folder)
    write_tables(tables_of(data), folder, profile=params.profile)
    return f"{folder}/report.md"
