"""Small made-up papers for the audit's tests."""

from __future__ import annotations

from typing import Any

from leukbench.papers.schema import Paper

Row = dict[str, Any]


def paper(
    *rows: Row,
    classes: tuple[str, ...] = ("ill", "well"),
    matrices: list[Row] | None = None,
    source: str = "none",
    **extra: Any,
) -> Paper:
    """Return a paper with one study ``s`` and the given claims (ids a, b, c … where none is given)."""
    claims = []
    for i, row in enumerate(rows):
        claims.append({"id": f"p.q{i}", "study": "s", "where": "Table 1", **row})
    raw = {
        "key": "p",
        "made_up": True,
        "citation": {"authors": "N. N.", "title": "made up", "venue": "", "year": "2000"},
        "studies": {
            "s": {
                "title": "s",
                "source": source,
                "classes": {c: [c] for c in classes},
                "protocols": {},
                "headline": claims[0]["id"],
                "positive": classes[0] if len(classes) == 2 else None,
                "where": "Table 1",
            }
        },
        "matrices": matrices or [],
        "claims": [{"where": c["where"], "rows": [c]} for c in claims],
        **extra,
    }
    return Paper.model_validate(raw)


def score(metric: str, value: str, **keys: Any) -> Row:
    """Return a test score of network m in percent."""
    return {"metric": metric, "value": value, "unit": "%", "split": "test", "model": "m", **keys}


def images(value: str, **keys: Any) -> Row:
    """Return a number of images."""
    return {"metric": "n_images", "value": value, "unit": "count", **keys}


def matrix(
    name: str, counts: list[list[str]], classes: tuple[str, ...] = ("ill", "well"), **keys: Any
) -> tuple[Row, list[Row]]:
    """Return the declaration and the cells of a printed matrix of network m,
    rows actual unless ``rows`` says otherwise."""
    rows = keys.pop("rows", "actual")
    cells = [
        {
            "metric": "matrix_cell",
            "matrix": name,
            "row": a,
            "column": b,
            "value": v,
            "split": "test",
            "model": "m",
            "id": f"p.{name}.{i}{j}",
            **keys,
        }
        for i, (a, line) in enumerate(zip(classes, counts, strict=True))
        for j, (b, v) in enumerate(zip(classes, line, strict=True))
    ]
    return {"id": name, "where": "Figure 1", "rows": rows, "classes": list(classes), "positive": classes[0]}, cells
