"""The subcommands. Each imports what it needs when it is called, so that ``--help`` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leukbench.cli.quick import QuickTyper, only_with
from leukbench.tools.options import as_fraction, known_format

if TYPE_CHECKING:
    from leukbench.params import Params

app = QuickTyper(
    no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Does the number hold when no patient, and no copy of an image, stands on both sides of the split?",
)  # fmt: skip
Name = Annotated[str, typer.Argument(help="a name under that heading of params.yaml")]
NameOrAll = Annotated[str, typer.Argument(help="a name under that heading of params.yaml; empty: all")]
Mapping = Annotated[list[str] | None, typer.Option("--map", help="PART=COLUMN, as label=diagnosis (repeatable)")]
Format = Annotated[str, typer.Option("--format", help="md or json")]


def _version(asked: bool) -> None:
    if asked:
        from leukbench import __version__

        _say(__version__)
        raise typer.Exit


@app.callback()
def _of_all(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="print it")] = False,
) -> None:
    """What goes with every command."""


def _params() -> Params:
    from leukbench.params import load_params

    return load_params()


def _plan() -> Params:
    return _params().planned()


def _say(text: str, *, end: str = "\n", err: bool = False) -> None:
    """Print what a command has to say; names from others' files steer no terminal."""
    from leukbench.errors import visible

    print(visible(text), end=end, file=sys.stderr if err else sys.stdout, flush=True)


def _finish(text: str, *, failed: object, end: str = "\n") -> None:
    _say(text, end=end)
    if failed:
        raise typer.Exit(1)


# ------------------------------------------------------------------------------------------------ stages


@app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="a source; see --list")] = "",
    from_dir: Annotated[str, typer.Option("--from", help="a folder in the publisher's layout")] = "",
    portal: Annotated[str, typer.Option(help="github, kaggle, huggingface or folder; see --list")] = "",
    listing: Annotated[bool, typer.Option("--list", help="list the sources and what of them is here")] = False,
) -> None:
    """Put a source's files in place and write its receipt."""
    from leukbench.pipeline import fetch as stage
    from leukbench.tools.sources import sources_table

    if listing or not source:
        only_with("a source, without --list", "from_dir", "portal", *(["source"] if listing else []))
        _say(sources_table())
    else:
        _say(stage.fetch(_params(), source, from_dir=from_dir or None, portal=portal))


@app.command()
def index(source: Name) -> None:
    """Write a source's manifest: one row per image."""
    from leukbench.pipeline import index as stage

    _say(stage.index(_params(), source))


@app.command()
def group(source: Name) -> None:
    """Find duplicates and write what must stay together."""
    from leukbench.pipeline import group as stage

    _say(stage.group(_params(), source))


@app.command()
def decode(store: Name) -> None:
    """Decode a source once into a packed pixel store."""
    from leukbench.pipeline import decode as stage

    _say(stage.decode(_params(), store))


@app.command()
def resolve(study: NameOrAll = "") -> None:
    """Write studies of papers without their claims."""
    from leukbench.pipeline import resolve as stage

    params = _params()
    for name in [study] if study else params.studies:
        _say(stage.resolve(params, name))


@app.command()
def split(experiment: NameOrAll = "") -> None:
    """Write the splits of experiments and their certificates."""
    from leukbench.pipeline import split as stage

    params = _plan()
    _say("\n".join(stage.split(params, [experiment] if experiment else [*params.all_experiments])))


@app.command()
def train(experiment: NameOrAll = "") -> None:
    """Train what is missing of the runs of experiments and transfers, and collect their predictions."""
    from leukbench.pipeline import train as stage

    params = _plan()
    for line in [stage.train(params, experiment)] if experiment else stage.train_all(params):
        _say(line)


@app.command()
def grid(
    studies: Annotated[list[str] | None, typer.Option(help="a study of params.yaml (repeatable)")] = None,
    protocols: Annotated[list[str] | None, typer.Option(help="a protocol (repeatable); default: all")] = None,
    arms: Annotated[list[str] | None, typer.Option(help="an arm (repeatable); default: all")] = None,
    executor: Annotated[str, typer.Option(help="local: processes of this machine; slurm: array jobs")] = "local",
    jobs: Annotated[int, typer.Option(help="runs at once; 0: two a GPU, one every two cores, or what Slurm lets")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what is missing and what it will cost")] = False,
    time_limit: Annotated[int, typer.Option(help="slurm: minutes a job; longer runs resume")] = 240,
    cpus: Annotated[int, typer.Option(help="slurm: processors a job; CPU training uses two at most")] = 2,
    gpus: Annotated[int, typer.Option(help="slurm: GPUs a job")] = 0,
    partition: Annotated[str, typer.Option(help="slurm: the partition")] = "",
    slurm: Annotated[list[str] | None, typer.Option(help="another option of sbatch (repeatable)")] = None,
) -> None:
    """Train what is missing of the whole plan, several runs at once; exit with 1 if one failed."""
    from leukbench.pipeline import grid as gridding

    if executor == "local":
        only_with("--executor slurm", "time_limit", "cpus", "gpus", "partition", "slurm")
    choice = gridding.Choice(*(gridding.names(texts) for texts in (studies, protocols, arms)))
    job = {"time_limit": time_limit, "jobs": jobs, "cpus": cpus, "gpus": gpus}
    asked = gridding.slurm_options(slurm or [], **job, partition=partition)
    text, failed = gridding.grid(_plan(), choice, executor=executor, jobs=jobs, slurm=asked, dry=dry_run)
    _finish(text, failed=failed)


@app.command()
def count() -> None:
    """Write the papers' claimed parameter counts beside ours."""
    from leukbench.pipeline import count as stage

    _say(stage.count_stage(_params()))


@app.command()
def evaluate(experiment: NameOrAll = "") -> None:
    """Turn predictions of experiments into estimates with intervals."""
    from leukbench.pipeline import evaluate as stage

    params = _plan()
    for name in [experiment] if experiment else params.experiments:
        _say(stage.evaluate(params, name))


@app.command()
def audit(
    files: Annotated[list[Path] | None, typer.Argument(help="paper.yaml files, CSV, text, LaTeX, JSON, JATS")] = None,
    paper: Annotated[list[str] | None, typer.Option(help="a paper of the suite (repeatable)")] = None,
    format: Format = "md",
    matrix: Annotated[str | None, typer.Option(help='a confusion matrix, rows actual, as "752 339; 361 148"')] = None,
    classes: Annotated[str, typer.Option(help="tested images a class, as HEM=648,ALL=1219")] = "",
    strict: Annotated[bool, typer.Option(help="exit with 1 if anything is inconsistent")] = False,
    power: Annotated[bool, typer.Option(help="simulate: false alarms and detection rates of each check")] = False,
    experiments: Annotated[int, typer.Option(min=1, help="with --power: experiments a planted error")] = 10,
    honest: Annotated[int | None, typer.Option(min=1, help="with --power: honest experiments, else as many")] = None,
    sets: Annotated[int, typer.Option(min=0, help="with --power: sets of figures as libraries print them")] = 0,
    seed: Annotated[int, typer.Option(help="with --power: of the simulation")] = 0,
    stage: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Could the printed figures be true together?"""
    from leukbench.pipeline import audit as auditing

    if stage or power:
        only_with("figures, without --power", "files", "paper", "format", "matrix", "classes", "strict")
        simulated = "" if stage else auditing.audit_power(experiments, honest=honest, sets=sets, seed=seed)
        _say(f"{auditing.audit_stage(_params())}\n" if stage else simulated, end="")
        return
    only_with("--power", "experiments", "honest", "sets", "seed")
    known_format(format, "md", "json")
    if matrix is not None or any(file.suffix not in {".yaml", ".yml"} for file in files or []):
        from leukbench.tools.draft.audit import audit_drafts

        text, inconsistent = audit_drafts(files or [], paper or [], format, matrix=matrix, classes=classes)
    else:
        only_with("--matrix, or a file that is no paper file", "classes")
        text, inconsistent = auditing.audit(files or [], paper or [], format)
    _finish(text, failed=strict and inconsistent, end="")


@app.command()
def compare() -> None:
    """Hold the claims against the estimates and findings: verdicts."""
    from leukbench.pipeline import compare as stage

    _say(stage.compare(_plan()))


@app.command()
def report(
    from_dir: Annotated[Path | None, typer.Option("--from", help="a committed folder: make its pages again")] = None,
    to: Annotated[Path | None, typer.Option(help="with --from: a folder to write below; default: in place")] = None,
) -> None:
    """Write the pages of the profile into reports/."""
    from leukbench.pipeline import remake
    from leukbench.pipeline import report as stage

    if from_dir is None:
        only_with("--from", "to")
    _say(remake.report_from(from_dir, to) if from_dir else stage.report(_plan()))


@app.command()
def site(
    to: Annotated[Path, typer.Option(help="a folder to write into")] = Path("site"),
    markdown: Annotated[bool, typer.Option("--markdown", help="pages for a host of repositories, not HTML")] = False,
) -> None:
    """Write the pages of all profiles in reports/ together, as HTML that asks no other host for anything."""
    from leukbench.pipeline.site import write_site

    _say(write_site(to, html=not markdown))


# --------------------------------------------------------------------------------------------------------- tools


@app.command()
def explain(
    claim: Annotated[str, typer.Argument(help="a claim's id; a paper's key: which it has")],
    reports: Annotated[Path | None, typer.Option("--from", help="a profile's folder")] = None,
    format: Format = "md",
) -> None:
    """Print a claim's whole chain: place, reading, split, runs, estimate, findings, verdict, what would change it."""
    from leukbench.tools.explain import explain as explaining

    _say(explaining(claim, reports, known_format(format, "md", "json")), end="")


@app.command()
def gradcam(
    run: Annotated[Path, typer.Argument(help="a run's folder: spec.json, and weights or checkpoint .safetensors")],
    experiment: Annotated[str, typer.Argument(help="the experiment of the profile whose test images are shown")],
    to: Annotated[Path, typer.Option(metavar="<path>", help="a folder to write into")] = Path("out/gradcam"),
    publish: Annotated[bool, typer.Option("--publish", help="put the shares, no image, on the paper's page")] = False,
) -> None:
    """Show where a network looks, beside what its paper says: heat in the cell, centre and corners, and panels."""
    from leukbench.tools.gradcam import gradcam as looking

    _say(looking(_params(), run, experiment, to, publish=publish), end="")


@app.command()
def diff(
    first: Annotated[str, typer.Argument(help="a profile's folder of reports/, a commit, or a run")],
    second: Annotated[str, typer.Argument(help="the same, later")],
    profile: Annotated[str, typer.Option(help="of two commits: the profile; default: every one that both hold")] = "",
    format: Format = "md",
) -> None:
    """Print what moved between two reports, beyond seed noise; of two runs what can explain that they differ."""
    from leukbench.tools.diff import diff_of_any

    _say(diff_of_any(first, second, profile, known_format(format, "md", "json")), end="")


@app.command()
def claims(
    paper: Annotated[list[str] | None, typer.Option(help="a paper, by key or file (repeatable); default: all")] = None,
    format: Annotated[str, typer.Option("--format", help="md, json or csv")] = "md",
) -> None:
    """Print the ledger: every figure that the papers print."""
    from leukbench.tools.ledger import claims_text

    _say(claims_text(paper or [], known_format(format, "csv", "json", "md")), end="")


@app.command()
def draft(
    file: Annotated[Path, typer.Argument(help="CSV, Markdown, text, LaTeX, JSON, JATS XML, HTML or a notebook")],
    key: Annotated[str, typer.Option(help="a short name for the paper: small letters, figures, _")],
    classes: Annotated[str, typer.Option(help="tested images a class, as HEM=648,ALL=1219, or names alone")] = "",
) -> None:
    """Write a paper.yaml to be finished by hand from the tables of a manuscript, every figure with its place."""
    from leukbench.tools.draft.write import draft_file, read_classes

    made = draft_file(file, key, classes=read_classes(classes))
    _say(made.text, end="")
    _say(f"{made.n_claims} figures, {made.n_left} not understood (listed at the end)", err=True)


@app.command()
def params(
    paper: Annotated[list[str] | None, typer.Option(help="a paper (repeatable); default: all")] = None,
    format: Format = "md",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="run the model.py beside a paper file of your own")
    ] = False,
) -> None:
    """Print every claimed parameter count beside ours, in the PyTorch and the Keras convention."""
    from leukbench.parameters.page import own_code, parameters_text

    for code in filter(None, map(own_code, paper or [])) if trust_code else ():
        _say(f"runs {code}, as --trust-code says", err=True)
    _say(parameters_text(paper or [], known_format(format, "md", "json"), trust_code=trust_code))


@app.command()
def certify(
    experiment: Annotated[str, typer.Argument(help="an experiment, or a folder of make-split; empty: all")] = "",
) -> None:
    """Check that splits keep what their protocols promise; exit with 1 where one does not."""
    if experiment and Path(experiment).is_dir():
        from leukbench.tools.splits import make

        text, broken = make.check_made(Path(experiment))
    else:
        from leukbench.tools import certify as certifying

        text, broken = certifying.certify(_plan(), experiment)
    _finish(text, failed=broken)


@app.command()
def score(
    predictions: Annotated[Path, typer.Argument(help="CSV or parquet: image, label, patient, scores or predicted")],
    claims: Annotated[str, typer.Option(help="a paper, by key or paper.yaml, whose claims to hold them against")] = "",
    protocol: Annotated[str, typer.Option(help="how they were made: patient (the default) or as_published")] = "",
    study: Annotated[str, typer.Option(help="a study of the paper, if several fit")] = "",
    arm: Annotated[str, typer.Option(help="an arm of file and study; default: the proposed one")] = "",
    selection: Annotated[str, typer.Option(help="a selection of the file, as last; default: recipe")] = "",
    map: Annotated[list[str] | None, typer.Option(help="PART=COLUMN or none, class:NAME=CLASS, positive=CLASS")] = None,
    where: Annotated[list[str] | None, typer.Option(help="COLUMN=VALUE: score these rows alone (repeatable)")] = None,
    logits: Annotated[bool, typer.Option("--logits", help="the scores are logits: take their softmax")] = False,
    margin: Annotated[str, typer.Option(help="what difference still counts as the same; default: 0.02")] = "",
    format: Format = "md",
) -> None:
    """Score predictions of your own with group-level intervals. Uploads nothing."""
    from leukbench.tools.score import score as scoring

    known_format(format, "md", "json")
    _say(scoring.score(
        predictions, claims or None, format, protocol=protocol, study=study, arm=arm, selection=selection,
        margin=as_fraction(margin) if margin else None, mapping=map or [], logits=logits, where=where or [],
    ))  # fmt: skip


@app.command()
def verify(
    source: Annotated[str, typer.Argument(help="a source; see fetch --list")],
    folder: Annotated[Path | None, typer.Option("--from", help="a folder in the publisher's layout")] = None,
) -> None:
    """Hold a source's files against the published list; exit with 1 where one is truncated or altered."""
    from leukbench.tools import duplicates as data

    text, intact = data.verify(source, folder)
    _finish(text, failed=not intact)


@app.command()
def duplicates(
    source: Annotated[str, typer.Argument(help="any folder of images, or a source; empty: every source here")] = "",
    folder: Annotated[Path | None, typer.Option("--from", help="where the files of the source lie")] = None,
    patients: Annotated[Path | None, typer.Option(help="a table of images and patients")] = None,
    map: Mapping = None,
    out: Annotated[Path | None, typer.Option(help="a folder for pairs.csv and groups.csv")] = None,
) -> None:
    """Name equal and near-equal images of any folder with their distance, or of a source within and across parts."""
    if source and (Path(source).is_dir() or "/" in source):
        only_with("a source", "folder")
        from leukbench.pipeline.progress import bar
        from leukbench.tools.splits import twins

        with bar("look at images") as advance:
            found = twins.find_twins(Path(source), patients=patients, mapping=map or [], advance=advance)
        _say(twins.page(found))
        if out is not None:
            twins.write_twins(found, out)
        return
    only_with("a folder of images", "patients", "map", "out")
    from leukbench.tools import duplicates as data

    _say(data.duplicates(source, folder) if source or folder else data.duplicates_of_all())


@app.command("check-split")
def check_split(
    table: Annotated[Path, typer.Argument(help="CSV, parquet, MONAI datalist, or a folder part/class/image")],
    images: Annotated[Path | None, typer.Option(help="the folder of the images; default: that of the table")] = None,
    format: Annotated[str, typer.Option("--format", help="md, html or json")] = "md",
    out: Annotated[Path, typer.Option(help="a folder for the CSV files of what crosses")] = Path("split-check"),
    map: Mapping = None,
) -> None:
    """Does a split keep patients and copies of images on one side? Exit with 1 where something crosses."""
    from leukbench.pipeline.progress import bar
    from leukbench.tools.splits.check import check_split as checked

    known_format(format, "md", "html", "json")
    with bar("look at images") as advance:
        found = checked(table, images, mapping=map or [], advance=advance)
    for file in found.write(out):
        _say(f"written: {file}", err=True)
    _finish(found.text(format), failed=found.crosses)


@app.command("make-split")
def make_split(
    table: Annotated[Path, typer.Argument(help="CSV, parquet, MONAI datalist, or a folder (part/)class/image")],
    images: Annotated[Path | None, typer.Option(help="the folder of the images; default: that of the table")] = None,
    k: Annotated[int, typer.Option(min=2, help="number of folds")] = 5,
    test: Annotated[str, typer.Option(help="instead of folds: one cut, with this share to test")] = "",
    validation: Annotated[str, typer.Option(help="share of the training side set apart")] = "0",
    seed: Annotated[int, typer.Option(help="of the search")] = 0,
    out: Annotated[Path, typer.Option(help="a new folder for the split and its certificate")] = Path("split"),
    map: Mapping = None,
) -> None:
    """Make patient-level, stratified, searched and frozen folds, with a certificate that certify takes."""
    from leukbench.pipeline.progress import bar
    from leukbench.tools.splits import make

    if test:
        only_with("folds, without --test", "k")
    share = as_fraction(test, "--test") if test else None
    with bar("look at images") as advance:
        made = make.make_split(
            table, images, k=k, test=share, validation=as_fraction(validation, "--validation"), seed=seed,
            mapping=map or [], advance=advance,
        )  # fmt: skip
    make.write_made(made, out)
    _say(make.summary(made))
    _say(f"written: {out}/images.csv, split.csv, {make.CERTIFICATE}; check it with: leukbench certify {out}", err=True)


@app.command()
def origins(
    source: Annotated[str, typer.Argument(help="a source; see fetch --list")],
    folder: Annotated[Path | None, typer.Option("--from", help="a folder in the publisher's layout")] = None,
    write: Annotated[Path | None, typer.Option(help="a folder to write the tables into")] = None,
) -> None:
    """Find from pixels which original each augmented image came from, and which photographs show one field."""
    from leukbench.tools import origins as finding

    _say(finding.origins(source, folder, write))


@app.command()
def defects(
    source: Annotated[str, typer.Argument(help="a source; empty: all")] = "",
    predictions: Annotated[Path | None, typer.Option(help="as for score: what leaving them out is worth")] = None,
    images: Annotated[str, typer.Option(help="a defect, whose images are named")] = "",
) -> None:
    """What is wrong in the published files, its evidence counted again; and what it is worth in your predictions."""
    from leukbench.tools import defects as registry

    _say(registry.defects(source, predictions, images))


@app.command()
def profile(name: Annotated[str, typer.Argument(help="a profile; empty: list them")] = "") -> None:
    """Put a profile's params.yaml in place; what was computed before stays."""
    from leukbench.tools.profiles import use_profile

    _say(use_profile(name))


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="paper or source")],
    key: Annotated[str, typer.Argument(help="its short name: small letters, figures, _")],
) -> None:
    """Lay the files of a new paper or source; once more: say what of them is still to be filled."""
    from leukbench.tools.new import new as laying

    _say(laying(kind, key))


@app.command()
def check(
    update: Annotated[bool, typer.Option(help="run the reference seeds again and store them")] = False,
) -> None:
    """Regression check: hold a small run against the prediction interval of stored reference seeds."""
    from leukbench.tools import check as checking

    text, failed = checking.regression_check(update=update)
    _finish(text, failed=failed)
