"""Figures: they say what they are given, have the same bytes for the same data, and show nothing of too little."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from leukbench.artefacts import COLOUR_HISTOGRAM
from leukbench.audit.findings import audit_paper
from leukbench.evaluation import views
from leukbench.evaluation.estimates import estimate_predictions
from leukbench.evaluation.evaluated import overall
from leukbench.evaluation.operating import calibration
from leukbench.evaluation.views import (
    ExperimentView,
    ModelView,
    NetworkView,
    Roc,
    RunCurve,
    SplitShare,
    confusion,
    mean_roc,
    patients_of,
)
from leukbench.papers.loader import load_paper
from leukbench.paths import replacing
from leukbench.records import COPIES_AVERAGED, Estimate, Experiment, Role
from leukbench.report import sections
from leukbench.report.figures import _of_networks, words, write_figures
from leukbench.report.figures.accuracy import Row, forest, ladder
from leukbench.report.figures.feasible import feasible_figure
from leukbench.report.figures.patients import confusion_figure
from leukbench.report.figures.scores import reliability_figure, roc_figure
from leukbench.report.figures.splits import split_figure
from leukbench.report.figures.style import CYCLE, Figure, write_figure
from leukbench.report.figures.training import costs_figure, epoch_table, training_figure
from leukbench.report.figures.words import counted, with_limits
from leukbench.report.format import FEWEST_GROUPS, one_answer
from tests.support.made_predictions import make_predictions

KNOWN = load_paper("known_answer")
CLAIM = KNOWN.claim("known_answer.cohort.accuracy")


def network(seed: int = 1, *, n_groups: int = 20, epochs: int = 3) -> NetworkView:
    p = make_predictions(n=400, n_groups=n_groups, seed=seed)
    patients, note = patients_of(p)
    curve = RunCurve(
        key="k", fold=0, seed=0, seconds=(2.0,) * epochs, train=tuple(0.5 + 0.1 * e for e in range(epochs)),
        validation=(0.6,) * epochs, test=(0.55,) * epochs,
    )  # fmt: skip
    return NetworkView(
        confusion=confusion(p), patients=patients, patients_note=note, roc=mean_roc(p),
        auc=overall(estimate_predictions(p), "auc"), calibration=calibration(p, make_predictions(n=400, seed=9)),
        runs=(curve,), n_parameters=1_000_000 * seed, epochs=epochs, epochs_published=3, deviations=(),
    )  # fmt: skip


def accuracy(value: float, *, low: float = 0.5, high: float = 0.9, n_groups: int = 20) -> Estimate:
    return Estimate(metric="accuracy", value=value, low=low, high=high, n_images=400, n_groups=n_groups)


def row(
    protocol: str = "patient", *, value: float = 0.7, histogram: float = 0.6, majority: float = 0.5,
    n_patients: int = 20, net: NetworkView | None = None, networks: int = 1, split: tuple[SplitShare, ...] = (),
    extent: str = "full", answer: str = "",
) -> Row:  # fmt: skip
    models = {
        f"net{i}": ModelView(accuracy=accuracy(value), majority=majority, network=net or network(i + 1))
        for i in range(networks)
    }
    models[COLOUR_HISTOGRAM] = ModelView(accuracy=accuracy(histogram), majority=majority)
    view = ExperimentView(
        classes=("a", "b"), unit="patient", n_patients=n_patients, reading="random_images", n_images=400,
        n_images_published=400, models=models, split=split,
    )  # fmt: skip
    spec = Experiment(
        paper="known_answer", study="cohort", protocol=protocol, source="s", store="s", arms=tuple(models)[:-1]  # type: ignore[arg-type]
    )  # fmt: skip
    return Row(spec, view, "net0", extent, answer)


def shares(*places: tuple[str, Role, str]) -> tuple[SplitShare, ...]:
    return tuple(SplitShare(fold=0, role=role, unit=unit, label=label, n_images=3) for unit, role, label in places)


LEAK = shares(("p1", "train", "a"), ("p1", "test", "a"), ("p2", "train", "b"), ("p3", "test", "b"))


def test_each_split_has_its_own_extent_where_they_differ() -> None:
    whole, part = row("as_published"), row("patient", extent="1 of 5 folds")
    for figure in (forest("f", CLAIM, [whole, part]), ladder("l", [whole, part])):
        assert figure.caption.endswith("Extent: as published (random images): full; by patient: 1 of 5 folds."), (
            figure.caption
        )


def test_a_confusion_matrix_says_how_many_groups_of_several_classes_it_leaves_out() -> None:
    noted = dataclasses.replace(network(), patients_note="by group; 8 with images of several classes left out")
    assert (
        "below half; 8 with images of several classes left out. Matrix" in confusion_figure("c", row(), noted).caption
    )


def test_a_confusion_matrix_of_several_trainings_says_that_its_cells_are_means() -> None:
    several = dataclasses.replace(network(), confusion=((2.5, 38.5), (1.0, 9.0)))
    assert "averaged, cells the means of several trainings. Below" in confusion_figure("c", row(), several).caption
    assert "trainings" not in confusion_figure("c", row(), network()).caption


def every_figure() -> list[Figure]:
    rows = [row("as_published", value=0.93, split=LEAK), row("patient", value=0.48, split=LEAK)]
    net = rows[1].network.network
    assert net is not None
    made = (
        forest("forest", CLAIM, rows),
        ladder("ladder", rows),
        confusion_figure("confusion", rows[1], net),
        roc_figure("roc", [(r, net) for r in rows]),
        reliability_figure("reliability", rows[1], net),
        training_figure("training", [(r, net) for r in rows], KNOWN.claims),
        costs_figure("costs", row(networks=4)),
        split_figure("split", rows),
        feasible_figure("feasible", load_paper("batool"), "cnmc", audit_paper(load_paper("batool"))),
    )
    return [figure for figure in made if figure is not None]


@pytest.mark.long
def test_every_figure_is_made_in_both_forms_with_the_same_bytes_and_no_date(tmp_path: Path) -> None:
    figures = every_figure()
    assert len(figures) == 9
    for figure in figures:
        svg, png = write_figure(figure, tmp_path)
        before = svg.read_bytes(), png.read_bytes()
        write_figure(figure, tmp_path)
        assert (svg.read_bytes(), png.read_bytes()) == before
        text = svg.read_text(encoding="utf-8")
        assert "dc:date" not in text and "Matplotlib v" not in text
        image = cv2.imread(str(png))
        assert image is not None and image.shape[1] == 960 and image.std() > 10, "4.8 inches, and something is drawn"


def test_other_data_gives_another_picture_and_another_caption(tmp_path: Path) -> None:
    one, other = (ladder(name, [row(value=value)]) for name, value in (("one", 0.7), ("other", 0.6)))
    assert write_figure(one, tmp_path)[1].read_bytes() != write_figure(other, tmp_path)[1].read_bytes()
    assert one.caption != other.caption and one.alt != other.alt


def test_captions_and_alternative_texts_hold_the_result() -> None:
    for figure in every_figure():
        for text in (figure.caption, figure.alt):
            assert re.search(r"\d", text) and text.endswith(".") and "nan" not in text.lower(), text
    made = forest("f", CLAIM, [row("as_published", value=0.93), row(value=0.48)])
    assert (
        "Printed: 95.5 %" in made.alt
        and "as published (random images) 93.0" in made.alt
        and "by patient 48.0" in made.alt
    )


def test_each_row_of_the_ladder_tells_its_own_majority_and_who_is_ahead() -> None:
    made = ladder("l", [row("image", value=0.7, histogram=0.8, majority=0.4), row(value=0.7, majority=0.55)])
    assert "majority 40.0" in made.alt and "majority 55.0" in made.alt
    assert "level or ahead under: by image." in made.alt
    assert "ahead of the histogram under this split" in ladder("l", [row()]).alt


@pytest.mark.parametrize(
    ("n_groups", "low", "high", "shown"),
    [(4, 0.6, 0.8, "too few: 4 patients"), (5, 0.6, 0.8, "[60.0 to 80.0]"),
     (9, 0.05, 0.9, "too wide to help: 9 patients"), (9, float("nan"), float("nan"), "no interval")],
)  # fmt: skip
def test_one_rule_for_too_few(n_groups: int, low: float, high: float, shown: str) -> None:
    e = accuracy(0.7, low=low, high=high, n_groups=n_groups)
    assert shown in with_limits(e, row(n_patients=n_groups).view)


def test_figures_withhold_at_the_number_of_tables_and_call_splits_as_they_do() -> None:
    assert views.FEWEST_GROUPS == FEWEST_GROUPS
    assert words.PROTOCOLS == sections.PROTOCOLS


def test_patients_that_are_joined_are_called_groups() -> None:
    joined = accuracy(0.7, low=0.6, high=0.8, n_groups=4)
    assert with_limits(joined, row(n_patients=6).view) == "70.0 (too few: 4 groups)"
    assert "the group as the sampling unit" in forest("f", CLAIM, [row(n_patients=26)]).caption
    assert "the patient as the sampling unit" in forest("f", CLAIM, [row()]).caption


def test_a_network_with_one_answer_has_no_interval_in_the_forest() -> None:
    each = "a or b (each training one)"  # the mean of two such trainings has limits, and no level
    rows = [row("as_published", value=0.5, answer="b"), row("image", value=0.5, answer=each), row(value=0.48)]
    made = forest("f", CLAIM, rows)
    assert "as published (random images) 50.0 (calls every image b)" in made.alt
    assert f"by image 50.0 (calls every image {each})" in made.alt
    assert "by patient 48.0 [50.0 to 90.0]" in made.alt
    for figure, other in ((made, 1), (ladder("l", rows), 4)):  # the printed line, or each row's histogram and majority
        lines = [line for line in figure.draw().axes[0].lines if len(line.get_xdata()) == 2]
        assert len(lines) == other + 1 + (2 if other == 4 else 0), "limits are drawn of the last row's network alone"


def test_a_printed_figure_near_the_end_of_the_axis_is_drawn_whole() -> None:
    marks = [line for line in forest("f", CLAIM, [row()]).draw().axes[0].lines if line.get_marker() == "D"]
    assert [mark.get_clip_on() for mark in marks] == [False]


def test_a_figure_withholds_an_auc_where_the_tables_do() -> None:
    base = network()
    assert base.auc is not None
    few = dataclasses.replace(base, auc=dataclasses.replace(base.auc, poorest_class="a", poorest_groups=3))
    made = roc_figure("r", [(row(), few)])
    assert made is not None and "(too few: 3 patients of a)" in made.alt
    wide = dataclasses.replace(base, auc=dataclasses.replace(base.auc, low=0.01, high=0.99, n_seeds=2))
    for shown, bands in (([base], 1), ([base, wide], 1), ([wide], 0)):
        drawn = roc_figure("r", [(row(), net) for net in shown])
        assert drawn is not None and len(drawn.draw().axes[0].collections) == bands
        assert ("which hold nothing of what trainings differ by" in drawn.caption) == (wide in shown)
        assert ("no band where the AUC has no interval" in drawn.caption) == (wide in shown)
    one = dataclasses.replace(base, roc=Roc(note="too few: 1 groups hold one of the sides"))
    left = roc_figure("r", [(row(), base), (row("image"), one)])
    assert left is not None and "too few: 1 group holds one of the sides" in left.alt


def test_originals_are_not_called_images_where_copies_were_averaged() -> None:
    averaged = dataclasses.replace(accuracy(0.7), note=f"{COPIES_AVERAGED}; x")
    assert one_answer(averaged, "b") == "calls every original b", "one of its copies may be called otherwise"
    assert one_answer(accuracy(0.7), "b") == one_answer(None, "b") == "calls every image b"
    assert counted(accuracy(0.7)) == "400 images"
    assert counted(averaged) == "400 originals"


def test_a_network_that_never_calls_a_class_is_said_to() -> None:
    one_answer = dataclasses.replace(network(), confusion=((0.0, 200.0), (0.0, 200.0)))
    made = confusion_figure("c", row(), one_answer)
    assert "It calls no image a." in made.alt and "a 0.0 % of 200; b 100.0 % of 200" in made.alt
    assert "It calls no image" not in confusion_figure("c", row(), network()).alt


def test_a_network_with_one_answer_has_no_matrix_and_figures_of_earlier_results_go(tmp_path: Path) -> None:
    for answer, kinds in (("", {"confusion", "reliability"}), ("a or b (each training one)", set[str]())):
        drawn = {figure.file.removeprefix("s-") for figure in _of_networks([row(answer=answer)], "s", ())}
        assert drawn & {"confusion", "reliability"} == kinds and "roc" in drawn
    (tmp_path / "old-confusion.svg").touch()
    made = write_figures([ladder("new-ladder", [row()])], tmp_path)
    assert set(tmp_path.iterdir()) == set(made) and len(made) == 2


def test_a_figure_that_another_report_is_writing_stays(tmp_path: Path) -> None:
    with replacing(tmp_path / "new-ladder.png") as theirs:
        made = write_figures([ladder("new-ladder", [row()])], tmp_path)
        assert theirs.exists()
        theirs.write_bytes(b"theirs")
    assert set(tmp_path.iterdir()) == set(made) and (tmp_path / "new-ladder.png").read_bytes() == b"theirs"


def test_sensitivity_by_patient_is_the_mean_over_patients() -> None:
    net = network()
    of_a = [p.images_right for p in net.patients if p.label == "a"]
    expected = (
        f"a: mean {100 * np.mean(of_a):.1f} % of a patient's images right, {sum(s < 0.5 for s in of_a)} of 10 patients"
    )
    assert expected in confusion_figure("c", row(), net).alt


def test_a_curve_that_is_not_there_is_named_and_not_drawn() -> None:
    few = network(n_groups=6)
    assert roc_figure("r", [(row(), few)]) is None
    made = roc_figure("r", [(row(), network()), (row("image"), few)])
    assert made is not None and "Not drawn: by image: too few: 3 groups" in made.alt


def test_bins_of_few_images_or_groups_are_left_out() -> None:
    net = network()
    assert reliability_figure("r", row(), net) is not None
    assert net.calibration is not None
    lonely = tuple(dataclasses.replace(b, n_groups=4) for b in net.calibration.bins_before)
    few = tuple(dataclasses.replace(b, n_images=19.0) for b in net.calibration.bins_after)
    calibrated = dataclasses.replace(net.calibration, bins_before=lonely, bins_after=few)
    assert reliability_figure("r", row(), dataclasses.replace(net, calibration=calibrated)) is None


def test_the_papers_own_epochs_stand_over_the_curves() -> None:
    printed = epoch_table(load_paper("samhitha").claims, "cnmc", "proposed")
    assert (printed["train"][0][:2], printed["validation"][-1][:2]) == ((2, 0.872), (60, 0.935))
    samhitha = Experiment(paper="samhitha", study="cnmc", protocol="patient", source="s", store="s", arms=("proposed",))
    shown = Row(samhitha, row().view, "proposed", "full")
    made = training_figure("t", [(shown, network())], load_paper("samhitha").claims)
    assert made is not None and "The paper prints train 87.2 % at epoch 2, 97.9 % at epoch 60" in made.alt
    assert training_figure("t", [(row(), network(epochs=1))], ()) is None, "one epoch is no curve"


def test_curves_show_each_split_at_its_own_extent() -> None:
    whole, part = row("as_published"), row("patient", extent="2 of 30 epochs")
    made = training_figure("t", [(whole, network()), (part, network(epochs=2))], ())
    assert made is not None
    assert "as published (random images), after the last of 3 epochs: training 70.0 %; validation 60.0 %" in made.alt
    assert "by patient, after the last of 2 epochs: training 60.0 %" in made.alt
    assert made.alt.endswith("Extent: as published (random images): full; by patient: 2 of 30 epochs.")
    panels = made.draw().axes
    assert len(panels) == 2 and all(tick == int(tick) for ax in panels for tick in ax.get_xticks())


def test_costs_need_three_networks() -> None:
    assert costs_figure("c", row(networks=2)) is None
    made = costs_figure("c", row(networks=3))
    assert made is not None and "3 networks" in made.alt and "smallest net0 (70.0 %, 1.0 million)" in made.alt


def test_the_map_counts_who_stands_on_both_sides() -> None:
    assert "1 of 2 tested patients also train or validate" in split_figure("s", [row(split=LEAK)]).alt
    apart = shares(("p1", "train", "a"), ("p1", "validation", "a"), ("p3", "test", "b"))
    assert "0 of 1 tested patients" in split_figure("s", [row(split=apart)]).alt


def test_the_plane_of_scores_repeats_the_audit_and_claims_nothing_itself() -> None:
    batool = load_paper("batool")
    findings = audit_paper(batool)
    accused = feasible_figure("f", batool, "cnmc", findings)
    assert accused is not None and "harmonic mean is 96.80" in accused.alt
    assert "at most 96.81: the audit calls them inconsistent (batool.f1_of_precision_recall" in accused.alt
    silent = feasible_figure("f", batool, "cnmc", ())
    assert silent is not None and "finds nothing against them" in silent.alt
    assert feasible_figure("f", KNOWN, "cohort", ()) is None, "it prints no F1"


def test_colours_of_a_cycle_differ_in_lightness_or_hue_for_every_reader() -> None:
    """Okabe and Ito's: no two may be told apart by red and green alone (simulated deuteranopia, Machado 2009)."""
    deuteranope = np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    )
    seen = [deuteranope @ np.array([int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for c in CYCLE]
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) > 0.15
