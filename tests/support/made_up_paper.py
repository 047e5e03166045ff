"""A small paper of our own with planted claims, for tests of the command line."""

from __future__ import annotations

from pathlib import Path

TEXT = """\
key: planted
made_up: true
citation: {authors: nobody, title: planted claims, venue: a test, year: "2026"}
studies:
  first: &study
    title: two classes
    source: known_answer
    classes: {A: [A], B: [B]}
    positive: B
    headline: planted.true
    where: here
    protocols:
      as_published:
        - {name: random, basis: stated, evidence: planted, rule: {unit: image, k: 3}}
  second: {<<: *study, title: the same classes again}
  third: {<<: *study, title: other classes, classes: {A: [A], C: [B]}, positive: C}
networks:
  net: {builder: net, where: here, printed_name: Net}
recipes:
  plain:
    where: here
    recipe:
      {input_px: 32, epochs: 1, batch_size: 8, learning_rate: 0.1, optimiser: sgd, loss: categorical_cross_entropy}
arms:
  net: {study: first, network: net, recipe: plain, role: proposed}
  other: {study: first, network: net, recipe: plain, role: baseline}
  left: {study: second, network: net, recipe: plain, role: baseline}
  right: {study: second, network: net, recipe: plain, role: baseline}
claims:
  - where: Table 1
    common: {study: first, arm: net, model: Net, split: test}
    rows:
      - {id: planted.true, metric: accuracy, value: "96.5", unit: "%", n: "20000"}
      - {id: planted.false, metric: recall, class: B, value: "75.0", unit: "%", n: "20000"}
      - {id: planted.impossible, metric: accuracy, value: "97.7", unit: "%", n: "20", condition: a small test set}
      - {id: planted.without_n, metric: mcc, value: "0.93"}
      - {id: planted.of_training, metric: accuracy, value: "99", unit: "%", split: train}
      - {id: planted.cited, kind: cited, metric: accuracy, value: "90", unit: "%", note: "a | b"}
  - where: Table 2
    common: {study: first, arm: other, model: Net, split: test}
    rows:
      - id: planted.baseline
        metric: accuracy
        value: "60"
        unit: "%"
        approximate: true
        derived_from: [planted.true, planted.cited]
"""


def write_paper(folder: Path, text: str = TEXT) -> Path:
    """Write the paper as ``paper.yaml`` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "paper.yaml"
    file.write_text(text, encoding="utf-8")
    return file
