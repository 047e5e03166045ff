"""Every key, unit and metric of the files that people write, from the code: ``make reference`` writes the page.

Each key stands with its type, its default and the comment beside it in the code; a test compares docs/reference.md with
the code.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from leukbench import records
from leukbench.papers import schema, vocabulary
from leukbench.report.format import table

PAGE = Path(__file__).with_name("reference.md")
PARTS: tuple[tuple[str, ModuleType, tuple[str, ...]], ...] = (
    (
        "paper.yaml",
        schema,
        ("Paper", "Citation", "Study", "Network", "NamedRecipe", "Arm", "Matrix", "ClaimBlock", "Claim", "Assumed"),
    ),
    ("Splits, recipes, limits", records, ("Reading", "SplitRule", "Recipe", "Augmentation", "Limits", "Experiment")),
)


def keys_of(module: ModuleType, name: str) -> Iterator[dict[str, str]]:
    """Yield the keys of a class: name, type, default and what the comment beside it says."""
    source = textwrap.dedent(inspect.getsource(getattr(module, name)))
    tree = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    lines = source.splitlines()
    for node in tree.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        kind = ast.unparse(node.annotation)
        if kind.startswith("ClassVar") or node.target.id == "model_config":
            continue
        comments = [m[1] for line in lines[node.lineno - 1 : node.end_lineno] if (m := re.search(r"  # (.+)$", line))]
        inside = [m[1] for line in lines[node.lineno : node.end_lineno] if (m := re.match(r"\s+# (.+)$", line))]
        default = "required" if node.value is None else ast.unparse(node.value)
        yield {
            "key": node.target.id.rstrip("_"),
            "type": kind,
            "default": default,
            "what": "; ".join(comments + inside),
        }


def page() -> str:
    """Return the reference page."""
    parts = ["# Reference", "Every key, unit and metric, from the code (`make reference`). Unknown keys are errors."]
    for title, module, names in PARTS:
        parts.append(f"## {title}")
        for name in names:
            doc = inspect.cleandoc(vars(getattr(module, name)).get("__doc__") or "")
            doc = "" if doc.startswith(f"{name}(") else doc.split("\n\n")[0].replace("\n", " ")
            parts += [f"### {name}", doc, code_table(list(keys_of(module, name)))]
    metrics = [{"metric": f"`{metric}`", "what": what} for metric, what in vocabulary.METRICS.items()]
    parts += ["## Metrics of claims", table(metrics)]
    parts += ["## Units of claims", ", ".join(f"`{unit}`" for unit in vocabulary.UNITS if unit) + ", or none."]
    parts += ["## Splits of claims", ", ".join(f"`{split}`" for split in vocabulary.SPLITS if split) + ", or none."]
    return "\n\n".join(part for part in parts if part) + "\n"


def code_table(rows: list[dict[str, Any]]) -> str:
    """Return keys as a table, what is code in the type of code."""
    return table([{k: v if k == "what" or not v else f"`{v}`" for k, v in row.items()} for row in rows])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {len(PAGE.read_text(encoding='utf-8').splitlines())} lines")
