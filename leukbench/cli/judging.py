"""The stages that judge: evaluate, audit, compare, report. None of them imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukbench.cli.layout import cell_file, json_text, read_json
from leukbench.cli.matching import EvaluatedCell, estimate_from_plain, questions_of
from leukbench.params import Params
from leukbench.paths import out_folder, reports_folder, write_text
from leukbench.records import Estimate, Finding, Predictions, as_plain

if TYPE_CHECKING:
    from leukbench.papers.schema import Paper

PREDICTIONS = (".parquet", ".validation.parquet", ".probe.parquet")
"""A cell's predictions: of the test images, of the validation images, and of the patient probe. Estimates speak of the first."""
BRIEF = frozenset({"accuracy", "balanced_accuracy", "mcc", "auc"})
"""The metrics of trivial models and of selections other than the last epoch."""


def read_predictions(file: Path) -> Any:
    """Return a cell's table of predictions (parquet). Raises DataError where it is missing."""
    import pandas as pd

    from leukbench.errors import DataError

    try:
        return pd.read_parquet(file)
    except OSError as error:
        raise DataError(
            "a cell has no predictions", where=str(file), found=str(error), do="run the train stage"
        ) from error


def as_predictions(table: Any, classes: Sequence[str]) -> Predictions:
    """Return rows of one arm and selection as Predictions."""
    import numpy as np

    text = {c: table[c].to_numpy(dtype=str) for c in ("image_id", "group", "origin", "patient")}
    codes = {c: i for i, c in enumerate(classes)}
    return Predictions(
        classes=tuple(classes),
        label=table["label"].map(codes).to_numpy(dtype=np.int64),
        predicted=table["predicted"].map(codes).to_numpy(dtype=np.int64),
        scores=np.stack([table[f"score_{c}"].to_numpy(dtype=np.float64) for c in classes], axis=1),
        fold=table["fold"].to_numpy(dtype=np.int64),
        seed=table["seed"].to_numpy(dtype=np.int64),
        **text,
    )


def classes_of(table: Any) -> tuple[str, ...]:
    """Return the study's classes in output order, from the score columns."""
    return tuple(c.removeprefix("score_") for c in table.columns if c.startswith("score_"))


def evaluate(params: Params, name: str) -> str:
    """Write a cell's estimates: all metrics of each network, the brief ones of trivial models and other selections.

    Beside them what was chosen on validation images (thresholds, temperatures), the patient probe, and how much wider an interval
    would be for patients that nobody can identify.
    """
    from leukbench.cli.evaluating import chosen_on_validation, unit_probes, unknown_patients
    from leukbench.evaluation.estimates import estimate_predictions, majority_accuracy
    from leukbench.evaluation.patients import patient_results

    params.cell(name)
    table, validation, probed = (read_predictions(cell_file(params, "predictions", name, s)) for s in PREDICTIONS)
    classes = classes_of(table)
    networks = table[(table["selection"] == "recipe") & ~table["arm"].str.startswith("trivial:")]
    scatter = seed_scatter([as_predictions(rows, classes) for _, rows in networks.groupby("arm", sort=False)])
    variances = [{"key": list(key), "variance": variance} for key, (variance, _) in scatter.items()]
    result: dict[str, Any] = {"classes": list(classes), "seed_variance": variances, "arms": {}}
    result["probes"] = unit_probes(probed)
    for (arm, selection), rows in table.groupby(["arm", "selection"], sort=False):
        predictions = as_predictions(rows, classes)
        trivial = str(arm).startswith("trivial:")
        estimates = estimate_predictions(predictions, scatter=None if trivial or selection != "recipe" else scatter)
        if trivial or selection != "recipe":
            estimates = tuple(e for e in estimates if e.metric in BRIEF and e.aggregation in {"pooled", "mean"})
        entry = result["arms"].setdefault(str(arm), {})
        entry[str(selection)] = {"estimates": list(estimates)}
        if selection == "recipe":
            entry["majority_accuracy"] = majority_accuracy(predictions)
            if not trivial:
                entry["patients"] = _patients(patient_results(predictions))
                held_out = as_predictions(validation[validation["arm"] == arm], classes)
                entry.update(chosen_on_validation(predictions, held_out))
                entry["unknown_patients"] = unknown_patients(params, name, estimates)
    write_text(cell_file(params, "estimates", name, ".json"), json_text(result))
    return f"{name}: {len(result['arms'])} models evaluated"


def seed_scatter(arms: Sequence[Predictions]) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Return (metric, class, average) -> (variance between seeds, its degrees of freedom), pooled over the arms of a cell.

    It is the error that a claim's single run has for its seed alone. Empty where no arm has two seeds.
    """
    import numpy as np

    from leukbench.evaluation.estimates import estimate_predictions
    from leukbench.evaluation.intervals import pooled_variance

    series: dict[tuple[str, str, str], list[Any]] = {}
    for p in arms:
        seeds = np.unique(p.seed)
        values: dict[tuple[str, str, str], list[float]] = {}
        for seed in seeds if len(seeds) > 1 else ():
            for e in estimate_predictions(p.take(p.seed == seed), patient_level=False):
                if not e.aggregation.startswith("fold:") and e.value == e.value:
                    values.setdefault((e.metric, e.class_, e.average), []).append(e.value)
        for key, found in values.items():
            series.setdefault(key, []).append(np.array(found))
    return {key: pooled for key, arrays in series.items() if (pooled := pooled_variance(*arrays))[1] > 0}


def _patients(results: Any) -> dict[str, Any]:
    """Return results a patient without the list of all patients."""
    plain: dict[str, Any] = as_plain(results)
    plain.pop("patients")
    return {**plain, "interval": [results.interval.low, results.interval.high]}


def evaluated_cells(params: Params) -> list[EvaluatedCell]:
    """Return every cell of the profile with its estimates, in the order of params.yaml."""
    return [_evaluated(params, name) for name in params.cells]


def _evaluated(params: Params, name: str) -> EvaluatedCell:
    cell = params.cells[name]
    plain = read_json(cell_file(params, "estimates", name, ".json"), stage="evaluate")
    receipt = read_json(cell_file(params, "predictions", name, ".receipt.json"), stage="train")
    certificate = read_json(cell_file(params, "splits", name, ".certificate.json"), stage="split")
    plan = read_json(cell_file(params, "splits", name, ".plan.json"), stage="split")
    arms = {a: e for a, e in plain["arms"].items() if not a.startswith("trivial:")}
    estimates = {a: tuple(estimate_from_plain(p) for p in e["recipe"]["estimates"]) for a, e in arms.items()}
    return EvaluatedCell(
        name=name,
        cell=cell,
        reading=plan["reading"]["name"],
        evidence=certificate["evidence"],
        estimates=estimates,
        deviations={a: tuple(r["deviations"]) for a, r in receipt["arms"].items()},
        seed_variance={tuple(v["key"]): v["variance"] for v in plain.get("seed_variance", ())},
    )


# --------------------------------------------------------------------------------------------------------- audit


def audit_power(experiments: int, *, honest: int | None, seed: int) -> str:
    """Return the page of false alarms and detection rates of the audit's checks."""
    from leukbench.audit.power import power_table
    from leukbench.audit.render import render_power

    return render_power(power_table(experiments, seed, honest=honest), seed=seed)


def audit(files: Sequence[Path], papers: Sequence[str], format: str) -> tuple[str, bool]:
    """Return the audit's text and whether anything is inconsistent."""
    from leukbench.audit.findings import audit_papers
    from leukbench.audit.render import render_markdown, to_json
    from leukbench.papers.loader import load_paper, paper_keys

    chosen = [*papers, *map(str, files)] or paper_keys()
    loaded = [load_paper(key) for key in chosen]
    findings = audit_papers(loaded)
    text = render_markdown(findings, loaded) if format == "md" else to_json(findings)
    return text, any(f.status == "inconsistent" for f in findings)


def audit_stage(params: Params) -> str:
    """Write the findings on the profile's papers, ``reports/audit.md`` over the papers that are publications, and each paper
    without its claims, on which the stages depend that a claim does not concern.
    """
    from leukbench.audit.findings import audit_papers
    from leukbench.audit.render import render_markdown, to_json
    from leukbench.papers.loader import load_paper, paper_keys
    from leukbench.paths import workspace

    papers = {key: load_paper(key) for key in dict.fromkeys([*params.papers, *paper_keys()])}
    found = {key: audit_papers([paper]) for key, paper in papers.items()}
    findings = [finding for key in params.papers for finding in found[key]]
    write_text(out_folder(params.profile, "findings.json"), to_json(findings) + "\n")
    for key in params.papers:
        write_text(out_folder(params.profile, "papers", f"{key}.json"), json_text(without_claims(papers[key])))
    published = [finding for key in paper_keys() for finding in found[key]]  # the page is one for all profiles
    page = render_markdown(published, [papers[key] for key in paper_keys()])
    write_text(workspace() / "reports" / "audit.md", page)
    return f"{len(findings)} findings on {len(params.papers)} papers"


def without_claims(paper: Paper) -> dict[str, Any]:
    """Return what of a paper decides its runs and its parameter counts: of the claims only the printed counts."""
    from hashlib import sha256

    from leukbench.cli.counting import printed_counts
    from leukbench.papers.loader import paper_file

    networks = paper_file(paper.key).with_name("model.py")
    return {
        **paper.model_dump(mode="json", include={"studies", "networks", "recipes", "arms"}),
        "printed_counts": [claim.model_dump(mode="json") for claim in printed_counts(paper)],
        "model_sha256": sha256(networks.read_bytes()).hexdigest(),
    }


def read_findings(params: Params) -> list[Finding]:
    """Return the findings of the audit stage."""
    plain = read_json(out_folder(params.profile, "findings.json"), stage="audit")
    tuples = ("claims", "accused")
    rows: list[dict[str, Any]] = [{k: tuple(v) if k in tuples else v for k, v in f.items()} for f in plain]
    return [Finding(**row) for row in rows]


# ------------------------------------------------------------------------------------------------------- compare


def compare(params: Params) -> str:
    """Write verdicts on all comparable claims and the contrasts between protocols and between arms."""
    from leukbench.cli.contrasting import arm_contrasts, protocol_gaps, shortcuts
    from leukbench.cli.transferring import transfer_results
    from leukbench.papers.loader import load_paper
    from leukbench.verdicts import decide

    papers = [load_paper(key) for key in params.papers]
    _check_frozen(params, {claim: printed for paper in papers for claim, printed in paper.headlines().items()})
    cells = evaluated_cells(params)
    accused = frozenset(c for f in read_findings(params) if f.status == "inconsistent" for c in f.accused)
    questions = [q for paper in papers for q in questions_of(paper, cells, accused)]
    verdicts = decide(questions, margin=params.verdicts.margin, alpha=params.verdicts.alpha)
    tables = {name: read_predictions(cell_file(params, "predictions", name, ".parquet")) for name in params.cells}
    result = {
        "margin": params.verdicts.margin,
        "alpha": params.verdicts.alpha,
        "questions": {q.claim: q for q in questions},
        "verdicts": verdicts,
        "gaps": protocol_gaps(params, tables),
        "contrasts": arm_contrasts(params, tables),
        "shortcuts": shortcuts(params, tables),
        "transfers": transfer_results(params),
    }
    write_text(out_folder(params.profile, "verdicts.json"), json_text(result))
    return f"{len(verdicts)} claims compared"


def _check_frozen(params: Params, headlines: dict[str, str]) -> None:
    """Raise InputError where margin, alpha or headline claims are not those that were frozen before results existed."""
    from leukbench.errors import InputError
    from leukbench.verdicts import frozen_digest

    now = frozen_digest(params.verdicts.margin, params.verdicts.alpha, headlines)
    if params.verdicts.sha256 != now:
        raise InputError(
            "margin, alpha or headline claims differ from those that were frozen",
            where="params.yaml, verdicts.sha256",
            expected=params.verdicts.sha256 or "a hash",
            found=now,
            do="restore them; or, where no result exists yet or a figure was transcribed wrongly, put the found hash there",
        )


# -------------------------------------------------------------------------------------------------------- report


def report(params: Params) -> str:
    """Write the profile's pages, with the predictions behind them."""
    from leukbench.cli.gathering import gather
    from leukbench.report.pages import write_report

    folder = reports_folder(params.profile)
    write_report(gather(params), folder)
    return f"{folder}/report.md"


def main_estimates(estimates: Sequence[Estimate]) -> dict[str, Estimate]:
    """Return the overall accuracy, balanced accuracy, MCC, macro F1 and AUC of an arm by metric name."""
    wanted: dict[str, Estimate] = {}
    for e in estimates:
        if e.class_ == "" and e.aggregation in {"pooled", "mean"} and e.average in {"none", "macro"}:
            wanted.setdefault(e.metric, e)
    return wanted
