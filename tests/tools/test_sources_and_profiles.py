"""``leukbench fetch --list`` and ``leukbench profile``."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from leukbench.cli.app import app
from leukbench.errors import InputError
from leukbench.sources import load_source, source_names
from leukbench.tools.profiles import load_profile, use_profile
from leukbench.tools.sources import sources_table

SMALL = """\
# A small profile: nothing runs. More is said here
# in a second line.
profile: small
papers: [known_answer]
verdicts: {margin: 0.05}
sources: {}
stores: {}
studies: {}
experiments: {}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "small.yaml").write_text(SMALL)
    (tmp_path / "profiles" / "large.yaml").write_text(SMALL.replace("small", "large"))
    return tmp_path


def test_every_source_has_a_row_with_the_figures_of_its_card(home: Path) -> None:
    lines = sources_table().splitlines()
    for name in source_names():
        card = load_source(name).card
        cells = [cell.strip() for cell in next(line for line in lines if line.startswith(f"| {name} ")).split("|")]
        assert cells[2:4] == [card.title, f"{card.n_images():,}"]
        assert card.licence in cells
        assert cells[8].startswith("no")
        for portal in card.portals:
            assert f"  {portal.name}: {portal.command}" in lines


def test_known_facts_stand_in_the_list(home: Path) -> None:
    row = next(line for line in sources_table().splitlines() if line.startswith("| cnmc_2019 "))
    assert "15,114" in row and "118, no ids in final" in row and "867 MB" in row
    assert "89, no ids" in next(line for line in sources_table().splitlines() if line.startswith("| aria_all_2021 "))


def test_what_is_here_is_seen(home: Path) -> None:
    (home / "data" / "cnmc_2019" / "training_data").mkdir(parents=True)
    (home / "data" / "blood_cells" / "something").mkdir(parents=True)
    (home / "data" / "known_answer-48-0").mkdir()
    result = CliRunner().invoke(app, ["fetch", "--list"])
    here = {
        line.split("|")[1].strip(): line.split("|")[8].strip()
        for line in result.stdout.splitlines()
        if line.startswith("| ")
    }
    assert here["cnmc_2019"].startswith("yes") and "0 of 15,115 listed files, 0 MB" in here["cnmc_2019"]
    assert here["blood_cells"].startswith("a folder without")
    assert here["known_answer"] == "known_answer-48-0"
    assert here["aria_all_2021"] == "no"


def test_profile_is_put_in_place_and_marked(home: Path) -> None:
    assert "there is no params.yaml" in use_profile("")
    assert use_profile("small") == "params.yaml is now profile small: 0 experiments, 1 papers"
    assert (home / "params.yaml").read_text() == SMALL
    assert use_profile("").splitlines()[:2] == [
        "  large: A large profile: nothing runs",
        "* small: A small profile: nothing runs",
    ]
    use_profile("large")
    assert not (home / "params.yaml.before").exists()
    assert "* large" in CliRunner().invoke(app, ["profile"]).stdout


def test_edited_params_are_kept(home: Path) -> None:
    (home / "params.yaml").write_text(SMALL.replace("0.05", "0.07"))
    assert "none of these as it stands" in use_profile("")
    assert "kept as params.yaml.before" in use_profile("large")
    assert "0.07" in (home / "params.yaml.before").read_text()
    (home / "params.yaml").write_text(SMALL.replace("0.05", "0.08"))
    assert "kept as params.yaml.before.1" in use_profile("large"), "the first edit is still there"
    assert "0.07" in (home / "params.yaml.before").read_text()
    (home / "params.yaml").write_text(SMALL.replace("0.05", "0.08"))
    assert "kept as params.yaml.before.1" in use_profile("large"), "the same text needs no third file"


def test_unknown_profile_names_the_nearest_and_changes_nothing(home: Path) -> None:
    use_profile("small")
    with pytest.raises(InputError, match="did you mean 'large'"):
        use_profile("lagre")
    assert (home / "params.yaml").read_text() == SMALL


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("margin: 0.05", "margn: 0.05", "margn"),
        ("profile: large", "profile: small", "does not bear its own name"),
        ("experiments: {}", "experiments: {", "no YAML"),
    ],
)
def test_invalid_profile_is_refused_before_anything_is_written(home: Path, old: str, new: str, words: str) -> None:
    use_profile("small")
    file = home / "profiles" / "large.yaml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(InputError, match=words):
        use_profile("large")
    assert (home / "params.yaml").read_text() == SMALL


def test_folder_without_profiles_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match="no profiles here"):
        use_profile("small")


def test_profiles_of_the_suite_are_valid() -> None:
    files = sorted((Path(__file__).resolve().parents[2] / "profiles").glob("*.yaml"))
    if not files:
        pytest.skip("no profile is written yet")
    assert [load_profile(file).profile for file in files] == [file.stem for file in files]


def test_networks_of_a_study_are_not_trained_in_different_precisions(tmp_path: Path) -> None:
    from leukbench.params import load_params

    embedded = (Path(__file__).resolve().parents[2] / "profiles" / "embedded.yaml").read_text(encoding="utf-8")
    first = "arms: [alnet], limits: {images: 32, epochs: 1, folds: 1}}"
    file = tmp_path / "params.yaml"
    file.write_text(embedded.replace(first, first.replace("limits", "precision: bf16, limits")), encoding="utf-8")
    with pytest.raises(InputError, match=r"alnet\.cnmc: its experiments have precisions bf16 and fp32"):
        load_params(file)  # the challenge still has fp32
