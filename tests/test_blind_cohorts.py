"""Fresh cohorts, nothing else changed: do the made-up claims still get their right verdicts?

Margin, claims and recipe of the known-answer study were set after its first cohort had been seen. These cohorts are
drawn from other seeds. ``python -m tests.test_blind_cohorts 1 6`` prints the verdicts for seeds 1 to 6;
papers/known_answer/README.md keeps them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.trains

ROOT = Path(__file__).parents[1]
RIGHT = {
    "known_answer.cohort.accuracy": "reproduced only under as_published, random_images",
    "known_answer.cohort.recall_malignant": "not reproduced (higher)",
    "known_answer.cohort.impossible": "inconsistent as printed",
    "known_answer.cohort.mcc": "not testable",
    "known_answer.no_effect.accuracy": "reproduced",
    "known_answer.no_effect.balanced": "not reproduced (lower)",
}
UNRESOLVED = {"inconclusive", "reproduced as published, unresolved by patient"}


def plan_of(seed: int) -> dict[str, object]:
    """Return the known-answer part of the embedded profile with cohorts, splits and training from another seed."""
    plan = yaml.safe_load((ROOT / "profiles" / "embedded.yaml").read_text(encoding="utf-8"))
    known = {name: {"seed": seed} for name in plan["sources"] if name.startswith("known_answer")}
    stores = {name: store for name, store in plan["stores"].items() if store["source"] in known}
    experiments = {
        name: experiment for name, experiment in plan["experiments"].items() if experiment["paper"] == "known_answer"
    }
    studies = {name: study for name, study in plan["studies"].items() if study["paper"] == "known_answer"}
    return {**plan, "profile": "blind", "seed": seed, "papers": ["known_answer"], "sources": known, "stores": stores,
            "studies": studies, "experiments": experiments, "transfers": {}}  # fmt: skip


def verdicts_of(seed: int, home: Path) -> dict[str, str]:
    """Run the pipeline on a fresh cohort in a workspace and return the verdict of each claim."""
    from leukbench.papers.loader import load_paper
    from leukbench.params import load_params
    from leukbench.pipeline import audit as audit_stage
    from leukbench.pipeline import compare as compare_stage
    from leukbench.pipeline import decode as decode_stage
    from leukbench.pipeline import evaluate as evaluate_stage
    from leukbench.pipeline import fetch as fetch_stage
    from leukbench.pipeline import group as group_stage
    from leukbench.pipeline import index as index_stage
    from leukbench.pipeline import resolve as resolve_stage
    from leukbench.pipeline import split as split_stage
    from leukbench.pipeline import train as train_stage
    from leukbench.verdicts.frozen import frozen_digest

    plan = plan_of(seed)
    margins = plan["verdicts"]
    assert isinstance(margins, dict)
    headlines = load_paper("known_answer").headlines()
    plan["verdicts"] = {**margins, "sha256": frozen_digest(margins["margin"], margins["alpha"], headlines)}
    home.mkdir(parents=True, exist_ok=True)
    (home / "params.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    os.environ["LEUKBENCH_HOME"] = str(home)
    params = load_params()
    for source in params.sources:
        for stage in (fetch_stage.fetch, index_stage.index, group_stage.group):
            stage(params, source)
    for store in params.stores:
        decode_stage.decode(params, store)
    audit_stage.audit_stage(params)
    for study in params.studies:
        resolve_stage.resolve(params, study)
    split_stage.split(params, [*params.experiments])
    for _ in train_stage.train_all(params):
        pass
    for experiment in params.experiments:
        evaluate_stage.evaluate(params, experiment)
    compare_stage.compare(params)
    found = json.loads((home / "out" / "blind" / "verdicts.json").read_text(encoding="utf-8"))["verdicts"]
    return {v["claim"]: v["verdict"] for v in found}


@pytest.mark.slow
def test_fresh_cohorts_get_no_wrong_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", "")
    for seed in (1, 2):
        found = verdicts_of(seed, tmp_path / str(seed))
        assert all(found[claim] in {right, *UNRESOLVED} for claim, right in RIGHT.items()), (seed, found)


if __name__ == "__main__":
    from leukbench.process import limit_threads

    limit_threads()
    for number in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
        with tempfile.TemporaryDirectory() as folder:
            print(number, json.dumps(verdicts_of(number, Path(folder))), flush=True)
