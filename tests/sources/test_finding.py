"""Sources are found by looking, and looking stays cheap."""

from __future__ import annotations

import subprocess
import sys


def test_finding_the_sources_loads_no_heavy_library() -> None:
    """`leukbench --help` and completion list sources: pandas, OpenCV,
    torch must wait until they are needed."""
    code = (
        "import sys; from leukbench.sources import source_names, load_source; "
        "assert [load_source(n).name for n in source_names()] == source_names(); "
        "print(sorted({'pandas', 'cv2', 'torch', 'sklearn', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_is_a_source_or_a_known_service() -> None:
    """A dataset file without SOURCES would be an AttributeError here, not a source that is silently not there."""
    from leukbench.sources import load_source, source_names

    assert {"cnmc_2019", "blood_cells", "aria_all_2021", "known_answer", "known_answer_null", "synthetic_cells",
            "synthetic_smears", "synthetic_aria"} <= set(source_names())  # fmt: skip
    for name in source_names():
        assert load_source(name).card.name == name
