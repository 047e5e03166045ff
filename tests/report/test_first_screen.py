"""The first screens: what is established, claimed beside reproduced with its status, what would settle the rest."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from leukbench.artefacts import COLOUR_TREES
from leukbench.audit.findings import audit_papers
from leukbench.audit.render import render_markdown
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper
from leukbench.records import Finding
from leukbench.report import established, ladder
from leukbench.report.briefly import LONGEST
from leukbench.report.data import Measured, ReportData
from leukbench.report.format import anchor
from leukbench.report.leaks import leaks_of
from leukbench.report.pages import (
    Site,
    hospital_sentence,
    index_page,
    metrics,
    paper_page,
    profile_page,
    site_pages,
    write_report,
)
from leukbench.report.pages import verdict_sentence as sentence
from leukbench.report.sections import finding_rows
from leukbench.verdicts.differences import Difference, Question
from leukbench.verdicts.rule import Verdict
from tests.report.test_figures import network, row
from tests.support.made_report import (
    BORDER,
    NAME,
    NET,
    PAPER,
    certificate,
    compared,
    estimate,
    gap,
    receipt,
    report_data,
    with_arm,
    with_result,
)

HEADLINE = "known_answer.cohort.accuracy"
REPORTS = Path(__file__).parents[2] / "reports"


@pytest.fixture
def data() -> ReportData:
    return report_data()


def finding(status: str, severity: int, claims: tuple[str, ...] = (), accused: tuple[str, ...] = ()) -> Finding:
    return Finding(
        id=f"{PAPER}.{status}.{severity}", paper=PAPER, check="c", status=status, kind="arithmetic", claims=claims,  # type: ignore[arg-type]
        where="Table 1", statement=f"{status} {severity}.", severity=severity, accused=accused,
    )  # fmt: skip


def site(*profiles: ReportData, findings: tuple[Finding, ...] = ()) -> Site:
    """Return a site on one study of the made-up paper, as if that were a publication."""
    paper = load_paper(PAPER)
    one = paper.model_copy(update={"studies": {NAME: paper.studies[NAME]}})
    return Site(profiles=profiles, papers={PAPER: one}, findings=findings)


def verdict(word: str) -> Verdict:
    return Verdict(claim=HEADLINE, verdict=word, reason="so", headline=True, margin=0.1)


def limited(data: ReportData) -> ReportData:
    for name in data.results:
        data = with_result(data, name, receipt=receipt(250, deviations=("limited",), epochs=5))
    return data


def made_images(data: ReportData) -> ReportData:
    for name in data.results:
        data = with_result(data, name, stand_in=True)
    return data


def test_the_first_line_counts_figures_findings_and_verdicts(data: ReportData) -> None:
    found = (finding("inconsistent", 3), finding("implausible", 2), finding("implausible", 1), finding("consistent", 0))
    page = index_page(site(data, findings=found))
    n_claims = len(load_paper(PAPER).claims)
    assert f"**1 paper, {n_claims} printed figures, 0 of them quoted from others: 1 finding proved" in page
    assert "No accuracy verdict from runs yet: every run is limited." in page


def test_a_verdict_is_told_only_where_a_run_gave_one(data: ReportData) -> None:
    assert sentence(site()) == sentence(site(made_images(data)))
    assert "no network was run on the publishers' images" in sentence(site())
    for word in ("not testable", "inconsistent as printed"):
        assert sentence(site(compared(data, verdicts=(verdict(word),)))).startswith("No accuracy verdict from runs yet")
    untold = compared(data, verdicts=(verdict("not testable"),))  # its run is whole
    assert sentence(site(untold)) == (
        "No accuracy verdict from runs yet: known_answer on cohort ran as published, whole, under one reading of its"
        " split, but so; every other run is limited or missing."
    )
    assert sentence(site(limited(untold))) == "No accuracy verdict from runs yet: every run is limited."
    words = sentence(site(compared(data, verdicts=(verdict("reproduced"),))))
    assert words == "Verdicts on headline accuracies from runs: 1 reproduced."


def test_a_hospital_is_told_that_there_is_no_evidence_unless_there_is(data: ReportData) -> None:
    assert hospital_sentence(site(data)).startswith("no evidence either way")
    for word in ("not reproduced (lower)", "reproduced as published, unresolved by patient"):
        page = site(compared(data, verdicts=(verdict(word),)))
        assert hospital_sentence(page).startswith("no evidence either way")
        assert "For a hospital: no evidence either way" in index_page(page).split("|")[0]
    settled = compared(data, verdicts=(verdict("reproduced"),))
    assert (
        hospital_sentence(site(settled))
        == "the pages of known_answer (cohort): their figures have a verdict by patient"
    )


def test_the_index_links_the_tables_of_every_profile_on_real_images_and_of_no_other(data: ReportData) -> None:
    assert "[estimates](made/tables/estimates.csv)" in index_page(site(data))
    assert "tables/estimates.csv" not in index_page(site(made_images(data)))


def test_metrics_speak_of_networks_or_of_colours_where_no_network_ran(data: ReportData) -> None:
    assert metrics(data)["image"] == {NET: {"accuracy": 0.9, "mcc": 0.5, "auc": 0.9}}
    image = data.results["image"]
    models = {**image.evaluation.arms, COLOUR_TREES: image.evaluation.arms[BORDER]}
    bare = with_result(
        data, "image", experiment=dataclasses.replace(image.experiment, arms=()),
        evaluation=dataclasses.replace(image.evaluation, arms=models),
    )  # fmt: skip
    assert metrics(bare)["image"] == {COLOUR_TREES: {"accuracy": 0.88}}


def test_the_worst_finding_speaks_of_the_headline_first_and_of_what_is_proved(data: ReportData) -> None:
    paper = site().papers[PAPER]
    claim = paper.claim(HEADLINE)
    other, mine = finding("inconsistent", 3), finding("implausible", 3, claims=(HEADLINE,))
    proved = finding("inconsistent", 1, accused=(HEADLINE,))
    assert established.worst_finding((other, mine), paper, claim) == mine
    assert established.worst_finding((other, mine, proved), paper, claim) == proved
    assert established.worst_finding((other,), paper, claim) == other
    assert established.worst_finding((finding("consistent", 3),), paper, claim) is None
    assert "nothing speaks against it" in index_page(site(data))


def test_a_finding_that_speaks_rather_of_another_study_is_not_held_against_a_headline() -> None:
    paper = load_paper("ddrnet")
    other, own = "ddrnet.ablation.all", "ddrnet.cnmc.accuracy"
    cells = tuple(c.id for c in paper.claims if c.study == "blood_cells")[:3]
    elsewhere, mine = finding("implausible", 3, claims=(*cells, own)), finding("implausible", 1, claims=(own,))
    found = [dataclasses.replace(f, paper="ddrnet") for f in (elsewhere, mine)]
    assert established.worst_finding(found, paper, paper.claim(own)) == found[1]
    assert established.worst_finding(found, paper, paper.claim(other)) == found[0]
    assert established.worst_finding(found[:1], paper, paper.claim(own)) is None
    whole = dataclasses.replace(finding("implausible", 2), paper="ddrnet")
    assert established.worst_finding([found[0], whole], paper, paper.claim(own)) == whole


def test_the_first_page_says_each_papers_worst_finding_in_one_short_line_with_the_figure_it_is_of() -> None:
    papers = {key: load_paper(key) for key in paper_keys()}
    findings = audit_papers(list(papers.values()))
    told = {}
    for key, paper in papers.items():
        for study in paper.studies:
            link, _, words = established.headline((), paper, study, findings).finding.partition("): ")
            assert link.startswith(("[**inconsistent**](audit.md#", "[**implausible**](audit.md#")), (key, study)
            assert len(words) <= LONGEST, words
            told[key, study] = words
    assert "99.73" in told["alnet", "cnmc"], "its headline is another figure, which nobody calls a training accuracy"
    assert "if of the same images" in told["batool", "cnmc"], "the paper does not say that they are"
    assert told["ddrnet", "cnmc"] != told["ddrnet", "blood_cells"]


def test_how_much_was_run_is_said_once_and_what_differs_in_the_order_of_the_results() -> None:
    for states, told in (
        (["full", "full"], "full"),
        (["full", "full, earlier recipe"], "full → full, earlier recipe"),
        (["5 of 9 images, no pretrained weights"] * 2, "5 of 9 images, no pretrained weights"),
        (
            ["5 of 9 images, 1 of 2 epochs", "3 of 9 images, 1 of 2 epochs"],
            "5 of 9 images → 3 of 9 images, 1 of 2 epochs",
        ),
        (
            ["2 of 20 epochs, no pretrained weights, one seed", "2 of 20 epochs, 1 of 5 folds, no pretrained weights"],
            "one seed → 1 of 5 folds; both 2 of 20 epochs, no pretrained weights",
        ),  # as many words of other kinds
        ([], ""),
    ):
        assert established.how_much(states) == told


def test_claimed_stands_beside_reproduced_with_patients_and_status(data: ReportData) -> None:
    made = established.headline([data], data.papers[PAPER], NAME, ())
    assert (made.as_published, made.by_patient) == (
        "90.0 [85.0 to 95.0], 20 patients",
        "70.0 [65.0 to 75.0], 20 patients",
    )
    assert made.status == "full, one seed"
    assert made.without_network == "border 88.0 (majority 50.0; 400 images)"
    limited = with_result(data, "patient", receipt=receipt(250, deviations=("limited",), epochs=5))
    assert (
        established.headline([limited], data.papers[PAPER], NAME, ()).status == "full → 5 of 40 epochs; both one seed"
    )


def test_a_papers_page_says_how_much_of_each_class_its_network_finds_by_patient_unless_it_names_only_one(
    data: ReportData,
) -> None:
    recalls = (estimate("recall", 0.9, class_="malignant"), estimate("recall", 0.4, class_="normal"))
    both = with_arm(data, "patient", NET, selections={"recipe": (estimate("accuracy", 0.7), *recalls)})
    told = established.headline([both], data.papers[PAPER], NAME, ()).by_class
    assert told == "malignant 90.0 [85.0 to 95.0]; normal 40.0 [35.0 to 45.0]"
    assert f"by patient or group, %*: {told}." in paper_page(site(both), site().papers[PAPER])
    one = (estimate("recall", 1.0, class_="malignant"), estimate("recall", 0.0, class_="normal"))
    only = with_arm(data, "patient", NET, selections={"recipe": (estimate("accuracy", 0.5), *one)})
    assert established.headline([only], data.papers[PAPER], NAME, ()).by_class == ""
    assert established.headline([made_images(both)], data.papers[PAPER], NAME, ()).by_class == ""


def test_a_result_as_published_stands_with_what_its_test_shares_and_what_colours_reach_on_it(data: ReportData) -> None:
    leaking = with_result(data, "as_published", certificate=certificate(shared=({"origins": 347},)))
    said = established.headline([leaking], data.papers[PAPER], NAME, ()).same_test
    assert said.startswith("split read as random images (stated); of its test images, in training too: 347")
    assert said.endswith(
        "; without a network, on the same split, border 88.0; by patient, on the network's images, border 88.0"
    )
    assert f"- *What that test is worth*: {said}." in paper_page(site(leaking), site().papers[PAPER])
    clean = established.headline([data], data.papers[PAPER], NAME, ()).same_test
    assert "in training too: nothing;" in clean


@pytest.mark.parametrize(("shared", "said"), [
    (({},), ""),
    (({"patients": 20},), " (all in training too)"),
    (({"patients": 3}, {"patients": 7}), " (3 in training too)"),  # the second fold was not run
])  # fmt: skip
def test_a_result_says_at_once_how_many_of_its_patients_were_trained_on(
    data: ReportData, shared: tuple[dict[str, int], ...], said: str
) -> None:
    leaking = with_result(data, "as_published", certificate=certificate(shared=shared))
    head = established.headline([leaking], data.papers[PAPER], NAME, ())
    assert f" patients{said}" in head.as_published and ("training" in head.as_published) == bool(said)
    assert "training" not in head.by_patient
    lost = dataclasses.replace(certificate(shared=({"patients": 3},)), unknown_origins=1)
    unsure = established.headline([with_result(data, "as_published", certificate=lost)], data.papers[PAPER], NAME, ())
    assert " (3 known to be in training too)" in unsure.as_published


def test_what_validation_shares_with_the_test_is_not_said_of_training(data: ReportData) -> None:
    fold = certificate(shared=({"patients": 3},)).folds[0]
    roles = {**fold.roles, "validation": dataclasses.replace(fold.roles["validation"], rows=40)}
    validated = dataclasses.replace(certificate(), folds=(dataclasses.replace(fold, roles=roles),))
    head = established.headline(
        [with_result(data, "as_published", certificate=validated)], data.papers[PAPER], NAME, ()
    )
    assert " (3 in training or validation too)" in head.as_published
    assert "of its test images, in training or validation too: 3" in head.same_test


def test_a_reading_under_which_the_network_calls_every_image_one_class_was_run_all_the_same(data: ReportData) -> None:
    paper, study = data.papers[PAPER], data.papers[PAPER].studies[NAME]
    (reading,) = study.protocols["as_published"]
    other = dataclasses.replace(reading, name="any_cell")
    protocols = {**study.protocols, "as_published": (reading, other)}
    two = paper.model_copy(update={"studies": {NAME: study.model_copy(update={"protocols": protocols})}})
    result = data.results["as_published"]
    plan = dataclasses.replace(result.plan, reading=dataclasses.replace(result.plan.reading, name="any_cell"))
    again = dataclasses.replace(
        data, papers={PAPER: two}, results={**data.results, "again": dataclasses.replace(result, plan=plan)}
    )
    one = (estimate("recall", 1.0, class_="malignant"), estimate("recall", 0.0, class_="normal"))
    again = with_arm(again, "again", NET, selections={"recipe": (estimate("accuracy", 0.5), *one)})
    head = established.headline([again], two, NAME, ())
    assert "(1 of 2 readings; by any cell calls every image malignant)" in head.as_published
    both = with_arm(again, "as_published", NET, selections={"recipe": (estimate("accuracy", 0.5), *one)})
    assert "(1 of 2 readings; by any cell alike)" in established.headline([both], two, NAME, ()).as_published


def test_every_reading_of_a_split_that_was_run_stands_on_the_first_screen() -> None:
    with (REPORTS / "first-verdicts" / "tables" / "estimates.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["metric"] == "accuracy" and r["arm"] == "ddrnet"]
    (pool,) = [r for r in rows if r["experiment"] == "ddrnet-released_pool" and r["aggregation"] == "pooled"]
    value, low, high = (f"{100 * float(pool[key]):.1f}" for key in ("value", "low", "high"))
    line = f"(1 of 5 readings; by released pool {value} [{low} to {high}], one seed)"
    index = (REPORTS / "index.md").read_text(encoding="utf-8")
    assert line in index and line in (REPORTS / "papers" / "ddrnet.md").read_text(encoding="utf-8")
    assert "also under the other 4 readings of its split (so far 1 of them)" in index


def test_a_mean_of_trainings_says_how_much_they_differ(data: ReportData) -> None:
    twice = estimate("accuracy", 0.7323, n_seeds=2, seed_variance=0.0023805)  # 69.79 and 76.69
    head = established.headline(
        [with_arm(data, "as_published", NET, selections={"recipe": (twice,)})], data.papers[PAPER], NAME, ()
    )
    assert ", mean of 2 trainings (SD 4.9), " in head.as_published
    assert "trainings" not in head.by_patient


def test_made_images_are_no_results_of_a_publication(data: ReportData) -> None:
    made = made_images(data)
    head = established.headline([made], made.papers[PAPER], NAME, ())
    assert (head.as_published, head.by_patient, head.without_network, head.status) == ("not run",) * 4
    pages = site_pages(site(made))
    assert "90.0" not in pages["index.md"] and "70.0" not in pages[f"papers/{PAPER}.md"]
    assert "its network was not run on real images" in pages[f"papers/{PAPER}.md"]
    assert "made images" in profile_page(made) and "90.0" not in profile_page(made)
    assert "images that leukbench makes" not in profile_page(data)


def test_the_smoke_page_has_networks_of_publications_and_no_score(data: ReportData) -> None:
    made = made_images(data)
    assert "cohort_cnn" not in site_pages(site(made))["smoke.md"], "the made-up study has a page of its own"
    publication = made.papers[PAPER].model_copy(update={"made_up": False})
    page = site_pages(site(dataclasses.replace(made, papers={PAPER: publication})))["smoke.md"]
    assert page.count("| ran |") == 3 and "40 of 40" in page and "90.0" not in page and "70.0" not in page


def test_few_patients_are_named_instead_of_a_best_model(data: ReportData) -> None:
    few = data
    for arm in data.results["patient"].evaluation.arms:
        few = with_arm(few, "patient", arm, selections={"recipe": (estimate("accuracy", 0.9, n_groups=4),)})
    assert established.headline([few], data.papers[PAPER], NAME, ()).without_network == "too few: 4 patients"


def test_the_gain_of_a_split_stands_with_its_interval_and_is_not_claimed_across_zero(data: ReportData) -> None:
    page = paper_page(site(data), site().papers[PAPER])
    words = "On the same 400 images of 20 patients, as published (random images) minus by patient: 90.0 − 70.0 = +20.0"
    assert words in page and "cannot be told from none" not in page
    crossing = compared(data, gaps=(gap("as_published", "accuracy", low=-0.05),))
    assert "which cannot be told from none" in paper_page(site(crossing), site().papers[PAPER])


def test_a_difference_says_what_it_compares_and_how_often_each_side_was_trained(data: ReportData) -> None:
    copies = dataclasses.replace(data, by_image={("as_published", NET): 0.985})
    assert "On the same 400 originals of 20 patients," in ladder.inflation_sentence(copies, PAPER, NAME)
    alone = data.results["as_published"].receipt
    twice = dataclasses.replace(alone, runs=(*alone.runs, dataclasses.replace(alone.runs[0], seed=1)))
    said = ladder.inflation_sentence(with_result(data, "as_published", receipt=twice), PAPER, NAME)
    assert said.endswith("; the mean of 2, not 1 trainings.")


def test_a_run_that_ended_early_says_how_much_it_still_moved(data: ReportData) -> None:
    assert established.headline([data], data.papers[PAPER], NAME, ()).last_epochs == ""
    short = with_result(data, "patient", receipt=receipt(250, deviations=("limited",), epochs=17))
    assert established.headline([short], data.papers[PAPER], NAME, ()).last_epochs == "", "no curve was kept"
    moving = network(epochs=6)
    curve = dataclasses.replace(moving.runs[0], test=(0.2, 0.871, 0.858, 0.899, 0.873, 0.921))
    view = row(net=dataclasses.replace(moving, runs=(curve,))).view
    short = dataclasses.replace(short, views={"patient": dataclasses.replace(view, models={NET: view.models["net0"]})})
    said = established.headline([short], data.papers[PAPER], NAME, ()).last_epochs
    assert said == "by patient 85.8 to 92.1"
    assert f"image by image, %*: {said}." in paper_page(site(short), site().papers[PAPER])


def test_a_report_keeps_no_predictions_of_what_left_its_profile(data: ReportData, tmp_path: Path) -> None:
    made, folder = tmp_path / "image.parquet", tmp_path / "report"
    made.write_bytes(b"rows")
    (folder / "predictions").mkdir(parents=True)
    (folder / "predictions" / "left.parquet").write_bytes(b"old")
    write_report(dataclasses.replace(data, predictions=(made,)), folder)
    assert [file.name for file in (folder / "predictions").iterdir()] == ["image.parquet"]


def test_what_would_settle_a_headline_follows_from_what_is_known(data: ReportData) -> None:
    paper = data.papers[PAPER]
    accused = finding("inconsistent", 3, accused=(HEADLINE,))
    assert "impossible as printed" in established.to_settle([data], paper, NAME, (accused,))
    lacking = established.to_settle([data], paper, NAME, ())
    assert lacking == "all of the paper's images and epochs under its own split and by patient"
    for without in ("as_published", "patient"):
        absent = with_result(data, without, receipt=receipt(250, deviations=("weights_absent",)))
        lacking = established.to_settle([absent], paper, NAME, ())
        assert lacking.startswith("all of the paper's images, epochs and starting weights under"), without
    assert "starting weights" in established.to_settle([], paper, NAME, ()), "not run: nothing is known"
    without_n = [c.model_copy(update={"n": ""}) for c in paper.claims if c.metric != "n_images"]
    unknown_n = paper.model_copy(update={"claims": tuple(without_n)})
    first = "the number of images behind the figure, which is not printed, and all of the paper's images"
    assert established.to_settle([data], unknown_n, NAME, ()).startswith(first)
    absent = with_result(data, "patient", certificate=certificate(evidence="absent"))
    assert "a list of patient ids, which is not published" in established.to_settle([absent], paper, NAME, ())
    settled = compared(data, verdicts=(verdict("reproduced"),))
    assert established.to_settle([settled], paper, NAME, ()) == "settled: reproduced (so)"
    unsure = compared(data, verdicts=(dataclasses.replace(verdict("inconclusive"), smallest_margin=0.06016),))
    wanted = (
        "more trainings, and as many by patient; the trainings that there are could show agreement within 6.0 points "
        "(80 % power)"
    )
    stays = "and the error of the printed figure itself, of one training, stays"
    assert established.to_settle([unsure], paper, NAME, ()) == f"{wanted}, {stays}"
    begun = with_result(unsure, "patient", receipt=receipt(250, deviations=("limited",), epochs=17))
    assert "as many by patient (so far 17 of 40 epochs, one seed);" in established.to_settle([begun], paper, NAME, ())
    untold = compared(data, verdicts=(verdict("not testable"),))
    another = "another training under its own split, and as many by patient"
    assert established.to_settle([untold], paper, NAME, ()) == another
    assert "all of the paper's images" in established.to_settle([limited(untold)], paper, NAME, ())


def test_a_verdict_of_runs_stands_on_the_first_screen_with_the_difference_and_the_margin(data: ReportData) -> None:
    difference = Difference(value=0.04572, low=0.00446, high=0.0844, se_low=0.01, se_high=0.01, df=9.0)
    question = Question(claim=HEADLINE, metric="accuracy", value=0.955, half_unit=0.0005, n=400, headline=True)
    asked = compared(data, questions={HEADLINE: question})
    tested = compared(asked, verdicts=(dataclasses.replace(verdict("inconclusive"), faithful=difference),))
    said = established.headline([tested], data.papers[PAPER], NAME, ()).verdict
    assert said == "**inconclusive**: +4.6 points from what is printed [+0.4 to +8.4], at a margin of 10"
    assert f"- *Verdict of these runs*: {said}." in paper_page(site(tested), site().papers[PAPER])
    assert f" | {said}. Run: " in index_page(site(tested))
    copies = dataclasses.replace(tested, by_image={("as_published", NET): 0.985})
    counted = established.headline([copies], data.papers[PAPER], NAME, ()).verdict
    assert counted.endswith("[+0.4 to +8.4] by original, +3.0 image by image, at a margin of 10")
    untold = compared(asked, verdicts=(dataclasses.replace(verdict("not testable"), faithful=difference),))
    none = established.headline([untold], data.papers[PAPER], NAME, ())
    assert (none.verdict, none.held) == ("", f"not testable: {none.status}")
    assert f" | {none.held} | " in index_page(site(untold))
    assert "Verdict of these runs" not in paper_page(site(untold), site().papers[PAPER])


def test_real_results_lead_and_a_profile_with_networks_comes_before_one_without(data: ReportData) -> None:
    bare = data
    for name, result in data.results.items():
        bare = with_result(bare, name, experiment=dataclasses.replace(result.experiment, arms=()))
    order = established.real([bare, made_images(data), data], PAPER, NAME, networks=False)
    assert [d is data for d in order] == [True, False] and order[1] is bare
    assert established.real([bare], PAPER, NAME) == []


def test_leaks_are_read_from_the_page_of_the_data_and_said_only_where_there_are_any() -> None:
    page = (REPORTS / "data.md").read_text(encoding="utf-8")
    found = leaks_of(page)
    assert {"aria_all_2021", "blood_cells", "cnmc_2019"} <= found.keys()
    assert any("of 652 test images are joined to a training image" in s for s in found["aria_all_2021"].sentences)
    assert any(s.startswith("Split as the pooled release") and "100.0 %" in s for s in found["blood_cells"].sentences)
    assert not any("the release's TRAIN and TEST" in s for s in found["blood_cells"].sentences)
    assert any("two patients' ids" in s for s in found["cnmc_2019"].sentences)
    head = "## A title\n\nsome_source: 5 images listed, 5 at hand with pixels\n\n| kind | pairs | across patients |"
    near = leaks_of(f"{head}\n|---|---|---|\n| near identical | 1,014 | 359 of 1,014 |\n")["some_source"].sentences
    assert near == ("359 of 1,014 pairs of nearly identical images carry two patients' ids.",)
    part = leaks_of(f"{head}\n|---|---|---|\n| near identical | 1,014 | 359 of 1,014 |\n".replace("5 at", "4 at"))
    assert part["some_source"].sentences[0].endswith("two patients' ids, among the 4 of 5 images at hand.")
    for across, told in (("2 of 2", ("2 of 2 pairs of identical images carry two patients' ids.",)), ("0 of 2", ())):
        made = leaks_of(f"{head}\n|---|---|---|\n| identical file | 3 | {across} |\n")
        assert made["some_source"].sentences == told


def test_every_serious_finding_of_a_papers_page_leads_to_its_arithmetic() -> None:
    papers = [load_paper(key) for key in paper_keys()]
    findings = audit_papers(papers)
    audit = render_markdown(findings, papers)
    headings = {anchor(line.removeprefix("### ")) for line in audit.splitlines() if line.startswith("### ")}
    for paper in papers:
        rows = finding_rows(findings, paper)
        assert rows and {row["finding"].partition("#")[2].rstrip(")") for row in rows} <= headings


def test_a_network_with_one_answer_is_called_that_on_the_first_screen(data: ReportData) -> None:
    recalls = (estimate("recall", 1.0, class_="malignant"), estimate("recall", 0.0, class_="normal"))
    one = with_arm(data, "patient", NET, selections={"recipe": (estimate("accuracy", 0.5), *recalls)})
    assert (
        established.headline([one], data.papers[PAPER], NAME, ()).by_patient
        == "calls every image malignant, 20 patients"
    )
    (run,) = one.results["patient"].receipt.runs
    receipt = dataclasses.replace(one.results["patient"].receipt, runs=(dataclasses.replace(run, n_steps=1250),))
    result = dataclasses.replace(one.results["patient"], receipt=receipt)
    one = dataclasses.replace(one, results={**one.results, "patient": result})
    row = established.headline([one], data.papers[PAPER], NAME, ())
    assert row.by_patient == "calls every image malignant after 1,250 steps, 20 patients"


@pytest.mark.parametrize("page", sorted(REPORTS.glob("**/*.md")), ids=lambda page: str(page.relative_to(REPORTS)))
def test_committed_pages_are_of_a_size_that_hosts_show(page: Path) -> None:
    if page.name == "audit.md" or page.parent.name in {"embedded", "baselines"}:
        pytest.skip("written by the audit, or not committed")
    limit = 20_000 if page.name == "index.md" else 100_000
    assert page.stat().st_size < limit
    if page.name != "data.md":  # made for a terminal
        assert not [
            line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|") and "   |" in line
        ]


def test_the_most_memory_of_a_run_is_called_that_of_its_process() -> None:
    card: dict[str, Any] = dict.fromkeys(("processor", "accelerator", "system", "python", "commit"), "none")
    card |= {"cores": 2, "threads": 1, "versions": {}}
    page = _runs_page(card)
    assert "| most memory, MiB |" in page and "| 1,234 |" in page
    assert "with whatever it had done before that run" in page


def test_the_page_of_runs_says_which_epochs_were_made_on_another_machine() -> None:
    card: dict[str, Any] = dict.fromkeys(("processor", "accelerator", "system", "python", "commit"), "none")
    card |= {"cores": 2, "threads": 1, "versions": {}}
    page = _runs_page(card | {"earlier": [{**card, "processor": "the first", "until_epoch": 6}]})
    assert "; until epoch 6 on the first, 2 cores" in page


def _runs_page(card: dict[str, Any]) -> str:
    of = Measured(
        train_s=(2.0, 1.0), scoring_s=(1.0, 1.0), wall_s=4.0, peak_memory_mib=1233.6, n_train_rows=9, hardware=card
    )
    return site_pages(site(dataclasses.replace(report_data(), measured={"k": of})))["runs.md"]
