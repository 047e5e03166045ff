"""Tables of LaTeX, as papers write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.audit.findings import audit_papers
from leukbench.tools.draft.audit import draft_of
from leukbench.tools.draft.latex import tabulars
from leukbench.tools.draft.tables import read_tables
from leukbench.tools.draft.write import draft_file
from tests.support.drafts import text_file

PAPER = r"""\documentclass{article} % \begin{tabular}{l} no \end{tabular}
\begin{document}
The accuracy was 86.50\% on the test cells, as \cite{first,second} have it.

\begin{table*}[t!]
  \centering
  \caption[short]{Results on the \textit{test} cells (\%) of C\_NMC~\cite{second}\label{tab:a}}
  \begin{tabular*}{\textwidth}{@{\extracolsep{\fill}} l|cc S[table-format=2.2] @{}}
    \toprule
    \multirow{2}{*}{\textbf{Model}} & \multicolumn{3}{c}{Test} \\
    \cmidrule(lr){2-4}
      & \makecell{Acc.\\(\%)} & $F_1$ (\%) $\uparrow$ & \begin{tabular}[c]{@{}c@{}}Recall\\(\%)\end{tabular} \\ \midrule
    VGG-16~\cite{first} & 86.50 & 90.16 & 94.67 \\[2pt]  % the baseline & 1 & 2 & 3
    \rowcolor[gray]{.9} Ours & \textbf{91.20}$\,\pm\,$0.4 & $\mathbf{93.1}_{\pm 0.3}$ & 95{,}0\textsuperscript{*} \\
    \bottomrule
  \end{tabular*}
\end{table*}

\begin{table}
\caption{Reports}
\begin{tabularx}{\linewidth}{Xcccc} Class & Precision & Recall & F1 & Support\\ \hline
ALL & .8606 & .9467 & .9016 & 1219 \tabularnewline HEM & .8764 & .7114 & .7853 & 648 \\ \hline\end{tabularx}
\begin{tabular}{ll} Parameter & Value \\ Optimizer & Adam \\ \end{tabular}
\end{table}

\begin{longtable}{lr}
\caption{Long}\label{tab:c}\\ \hline Model & AUC \\ \endfirsthead
Model & AUC \\ \endhead \hline \multicolumn{2}{r}{continued} \\ \endfoot \hline \endlastfoot
\multicolumn{2}{c}{Few images} \\
VGG & 0.91 \\
ResNet & 0.93
\end{longtable}
\end{document}
"""


def test_tables_of_a_paper_are_read_with_their_captions(tmp_path: Path) -> None:
    tables, sentences = read_tables(text_file(tmp_path, "p.tex", PAPER))
    assert [(t.where, t.caption) for t in tables] == [
        ("Table 1", "Results on the test cells (%) of C_NMC [2]"), ("Table 2", "Reports"),
        ("Table 2, part 2", "Reports"), ("Table 3", "Long"),
    ]  # fmt: skip
    assert tables[0].rows == (
        ("Model", "Test", "Test", "Test"), ("Model", "Acc. (%)", "F1 (%) ↑", "Recall (%)"),
        ("VGG-16 [1]", "86.50", "90.16", "94.67"), ("Ours", "91.20 ± 0.4", "93.1 ± 0.3", "95,0"),
    )  # fmt: skip
    assert tables[1].rows[2] == ("HEM", ".8764", ".7114", ".7853", "648")
    assert tables[3].rows == (("Model", "AUC"), ("Few images", "Few images"), ("VGG", "0.91"), ("ResNet", "0.93"))
    assert [s.text for s in sentences if "accuracy" in s.text] == [
        "The accuracy was 86.50% on the test cells, as [1, 2] have it."
    ]


def test_figures_of_latex_are_claims_with_their_spread_and_who_is_cited(tmp_path: Path) -> None:
    claims = draft_file(text_file(tmp_path, "p.tex", PAPER), "mine").paper().claims
    found = {(c.model, c.kind == "cited", c.metric, c.value, c.unit, c.spread) for c in claims if c.where == "Table 1"}
    assert found == {
        ("VGG-16 [1]", True, "accuracy", "86.50", "%", ""), ("VGG-16 [1]", True, "f1", "90.16", "%", ""),
        ("VGG-16 [1]", True, "recall", "94.67", "%", ""), ("Ours", False, "accuracy", "91.20", "%", "0.4"),
        ("Ours", False, "f1", "93.1", "%", "0.3"), ("Ours", False, "recall", "95.0", "%", ""),
    }  # fmt: skip


@pytest.mark.parametrize(("f1", "bad"), [("0.9016", False), ("0.9516", True)])
def test_a_table_of_latex_is_held_in_a_tex_file_and_in_a_text(tmp_path: Path, f1: str, bad: bool) -> None:
    head = r"\begin{tabular}{lccc} Class & Precision & Recall & F1 \\ \hline "
    table = rf"{head} Benign & 0.8606 & 0.9467 & {f1} \\ \end{{tabular}}"
    for name in ("t.tex", "t.md"):
        findings = audit_papers([draft_of(text_file(tmp_path, name, f"Text.\n\n{table}\n"), "").paper()])
        assert any(f.status == "inconsistent" for f in findings) == bad


def test_what_is_not_closed_is_no_table() -> None:
    assert not list(tabulars(r"\begin{tabular}{ll} a & 0.9 \\ \caption{"))
    assert not list(tabulars(r"\end{tabular} a & b"))
    (table,) = tabulars(r"\begin{tabular}{ll} a & \textbf{0.9 \\ \multirow & \end{tabular}")
    assert table.rows[0] == ["a", "0.9"]


ROWS = r"Net & Accuracy & F1 \\ \hline" + "\n" + r"A & 0.91 & 0.90 \\" + "\n" + r"B & 0.92 & 0.93 \\" + "\n"


@pytest.mark.parametrize(
    "around",
    [
        "{}", r"$\begin{array}{lcc}{}\end{array}$", r"\begin{NiceTabular}{lcc}[hvlines]{}\end{NiceTabular}",
        r"\begin{tblr}{colspec={lcc}}{}\end{tblr}", r"\begin{tabulary}{\textwidth}{LCC}{}\end{tabulary}",
        r"\begin{xltabular}{\textwidth}{lXX}{}\end{xltabular}",
    ],
)  # fmt: skip
def test_rows_are_read_in_any_environment_and_in_none(tmp_path: Path, around: str) -> None:
    before, _, after = around.rpartition("{}") if around != "{}" else ("", "", "")
    file = text_file(tmp_path, "t.tex", f"Words.\n\n{before}{ROWS}{after}\n")
    found = {(c.model, c.metric): c.value for c in draft_of(file).paper().claims}
    assert found == {("A", "accuracy"): "0.91", ("A", "f1"): "0.90", ("B", "accuracy"): "0.92", ("B", "f1"): "0.93"}


def test_a_percent_sign_in_brackets_is_no_comment(tmp_path: Path) -> None:
    text = r"\begin{tabular}{lll}" + "\n" + r"Net & Recall (%) & F1 (%) \\" + "\n" + r"A & 91.0 & 90.0 \\ % best"
    (paper,) = [draft_of(text_file(tmp_path, "t.tex", text + "\n" + r"\end{tabular}")).paper()]
    assert [(c.model, c.metric, c.value) for c in paper.claims] == [("A", "recall", "91.0"), ("A", "f1", "90.0")]
