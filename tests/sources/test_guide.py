"""The guide to adding a dataset, followed word for word: its example is a source like any other."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import leukbench.sources
from leukbench.cli.app import app
from leukbench.errors import DataError
from leukbench.sources import load_source
from leukbench.sources.base import Source
from leukbench.sources.verify import verify_source
from tests import test_every_source as every

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "leukbench" / "sources" / "README.md").read_text(encoding="utf-8")


def draw(folder: Path) -> None:
    """Write the images of the example's card: two classes of two patients with three images each."""
    rng = np.random.default_rng(0)
    for label in ("healthy", "leukaemia"):
        (folder / label).mkdir(parents=True)
        for patient in (1, 2):
            for image in (1, 2, 3):
                pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
                cv2.imwrite(str(folder / label / f"P{patient:02d}_{image:04d}.png"), pixels)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace, and the guide's code block as a module among the sources."""
    home = tmp_path_factory.mktemp("home")
    (home / "code").mkdir()
    (block,) = re.findall(r"^```python\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
    (home / "code" / "my_cells.py").write_text(block, encoding="utf-8")
    shutil.copy(ROOT / "profiles" / "embedded.yaml", home / "params.yaml")
    draw(home / "pictures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKBENCH_HOME", str(home))
        patch.setattr(leukbench.sources, "__path__", [*leukbench.sources.__path__, str(home / "code")])
        leukbench.sources._sources.cache_clear()
        yield home
    leukbench.sources._sources.cache_clear()
    sys.modules.pop("leukbench.sources.my_cells", None)


@pytest.fixture(scope="module")
def fetched(home: Path) -> Path:
    """The folder of the source after the guide's first command, with DIR filled in."""
    (command,) = re.findall(r"^    leukbench (fetch my_cells --from DIR)", GUIDE, flags=re.MULTILINE)
    result = CliRunner().invoke(app, command.replace("DIR", str(home / "pictures")).split())
    assert result.exit_code == 0, result.output
    assert "my_cells: 12 files" in result.stdout
    return home / "data" / "my_cells"


@pytest.fixture(scope="module")
def source(fetched: Path) -> Source:
    return load_source("my_cells")


@pytest.fixture(scope="module")
def manifest(source: Source, fetched: Path) -> pd.DataFrame:
    return source.index(fetched)


def test_the_other_commands_of_the_guide_run(fetched: Path) -> None:
    commands = re.findall(r"^    leukbench ((?:verify|duplicates) my_cells)$", GUIDE, flags=re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        result = CliRunner().invoke(app, command.split())
        assert result.exit_code == 0, result.output
    said = CliRunner().invoke(app, commands[0].split()).stdout
    assert "my_cells: what is here is intact, 12 of 12 listed files are here" in said


def test_it_passes_the_checks_of_every_source(source: Source, fetched: Path, manifest: pd.DataFrame) -> None:
    every.test_the_card_is_complete(source)
    every.test_the_index_has_exactly_the_columns_and_types_of_a_manifest(manifest)
    every.test_image_ids_and_paths_are_unique_and_plain(manifest)
    every.test_labels_pools_and_evidence_are_those_of_the_card(source, manifest)
    every.test_present_rows_have_a_file_hashes_and_a_size_and_others_have_none(fetched, manifest)
    every.test_origins_are_images_of_the_source_or_unknown(manifest)
    every.test_a_patient_has_one_label_and_stands_in_one_pool_and_fold(manifest)
    every.test_the_file_list_holds_a_hash_and_a_size_for_every_file(source, fetched)
    every.test_files_as_published_verify_as_intact(source, fetched)


def test_a_missing_folder_names_the_command(source: Source, tmp_path: Path) -> None:
    every.test_a_missing_folder_names_the_command_that_gets_the_data(source, tmp_path)


def test_an_image_that_changed_since_it_came_is_refused(source: Source, fetched: Path, tmp_path: Path) -> None:
    shutil.copytree(fetched, tmp_path / "my_cells")
    shutil.copy(fetched.with_name("my_cells.sha256"), tmp_path)
    image = tmp_path / "my_cells" / "healthy" / "P01_0001.png"
    cv2.imwrite(str(image), 255 - cv2.imread(str(image)))  # type: ignore[operator]
    assert verify_source("my_cells", tmp_path / "my_cells").altered == ("healthy/P01_0001.png",)
    with pytest.raises(DataError, match="not the published one"):
        source.index(tmp_path / "my_cells")
    image.write_bytes(image.read_bytes()[:-200])
    with pytest.raises(DataError, match="not a whole image"):
        source.index(tmp_path / "my_cells")


def test_the_example_knows_its_two_patients_of_each_class(manifest: pd.DataFrame) -> None:
    assert sorted(set(manifest["patient"])) == ["healthy_P01", "healthy_P02", "leukaemia_P01", "leukaemia_P02"]
    assert manifest.groupby("label").size().to_dict() == {"healthy": 6, "leukaemia": 6}
