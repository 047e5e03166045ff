r"""The tables of LaTeX: rows of ``tabular`` and its like as they are printed, each under its caption."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TABULAR = re.compile(
    r"\\(begin|end)\s*\{(tabular[*xy]?|longtable\*?|xltabular|supertabular|tabu|array|"
    r"NiceTabular[*X]?|(?:long|tall)?tblr)\}"
)
_OF_TWO = re.compile(r"(?:tabular|NiceTabular)[*xyX]|xltabular")
"""Environments that take a width and columns as arguments."""
_BARE = re.compile(
    r"(?:^[^\n&]*&[^\n&]*&[^\n]*\\\\[^\n]*(?:\n\s*\\\w*(?:rule|line)[^\n]*)*(?:\n|\Z)){2,}", re.MULTILINE
)
"""Lines of three cells and more outside of any environment, as a file holds that a table takes in."""
_FLOAT = re.compile(r"\\(begin|end)\s*\{((?:wrap|sideways|long)?table\*?|threeparttable)\}")
_CAPTION = re.compile(r"\\caption(?:of\s*\{table\})?\*?\s*(?:\[[^\]]*\])?\s*(?=\{)")
_CITE = re.compile(r"[~ ]?\\[Cc]ite[a-z]*\*?\s*(?:\[[^\]]*\]\s*){0,2}\{([^{}]*)\}")
_RULES = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|endlastfoot|hhline\s*\{[^{}]*\}|"
    r"(?:cmidrule|cline)\s*(?:\([^)]*\))?\s*\{[^{}]*\}|addlinespace|specialrule(?:\s*\{[^{}]*\}){3}|"
    r"(?:row|cell|column)color\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}|"
    r"noalign\s*\{[^{}]*\}|label\s*\{[^{}]*\})(?:\s*\[[^\]]*\])?"
)
_NEW_ROW = re.compile(r"\\\\\*?(?:\s*\[-?[\d.]+\s*\w+\])?|\\tabularnewline|\\cr(?![a-z])")
_MULTICOLUMN, _MULTIROW = (
    re.compile(r"\\multicolumn\s*(?=\{)"),
    re.compile(r"\\multirow[a-z]*\s*(?:\[[^\]]*\]\s*)?(?=\{)"),
)
_STACKED = re.compile(r"\\(?:makecell|thead|shortstack|specialcell|multirowcell)\s*(?:\[[^\]]*\]\s*)?(?=\{)")
_DROPPED = re.compile(
    r"\\(?:label|SetCell|footnote|footnotemark|tnote|tablefootnote|vspace|hspace|color|cellcolor|fontsize|selectfont|"
    r"setlength)"
    r"\*?\s*(?:\[[^\]]*\])?(?:\s*\{[^{}]*\})?"
)
_END = r"(?![a-zA-Z])"
_SIGNS = (
    (rf"_\s*\{{\s*\\pm{_END}", r" ± {"), (rf"\\pm{_END}", "±"), (rf"\\times{_END}", "×"), (rf"\\sim{_END}", "~"),
    (rf"\\approx{_END}", "≈"), (rf"\\kappa{_END}", "κ"), (rf"\\alpha{_END}", "α"), (rf"\\beta{_END}", "β"),
    (rf"\\geq?{_END}", "≥"), (rf"\\leq?{_END}", "≤"), (rf"\\[sS]igma{_END}", "σ"), (r"\{,\}", ","),
    (rf"\\(?:uparrow|nearrow){_END}", "↑"), (rf"\\downarrow{_END}", "↓"),
    (rf"\\(?:checkmark|cmark){_END}|\\ding\s*\{{5[12]\}}", "✓"), (rf"\\xmark{_END}|\\ding\s*\{{5[56]\}}", "✗"),
    (r"(?<=10)\$?\s*\^\s*\{?\s*(-?\d+)\s*\}?", r"^\1"), (r"(?<!10)\^\s*(?:\{[^{}]*\}|\\[a-z]+|[\w*†‡])", ""),
    (r"\\textsuperscript\s*\{[^{}]*\}", ""), (r"_\s*(?=\{|\d)", ""), (r"\\[,;:! ]|\\q?quad(?![a-z])", " "),
    (r"\\textcolor\s*\{[^{}]*\}", ""), (r"\\([%&#_$])", r"\1"), (r"---?", "–"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tabular:
    """A table of a LaTeX file: the number of its float ("" outside of one), its caption, its rows, and its place."""

    number: str
    caption: str
    rows: list[list[str]]
    start: int
    end: int


def without_comments(text: str) -> str:
    r"""Return LaTeX with blanks for its comments; ``(%)`` is none, as pandas' ``to_latex`` leaves it.

    >>> without_comments(r"91 \% & 92 \\% best"), without_comments("Recall (%) & F1 (%)")
    ('91 \\% & 92 \\\\      ', 'Recall (%) & F1 (%)')
    """
    return re.sub(r"(?<!\\)((?:\\\\)*)((?:(?<!\()%|%(?!\))).*)", lambda m: m[1] + " " * len(m[2]), text)


def tabulars(text: str) -> Iterator[Tabular]:
    """Yield the tables of LaTeX in their order; a table within a cell is its words."""
    floats, cited = list(_floats(text)), _cited(text)
    for start, end, name, body in _environments(text):
        around = next(((number, caption) for first, last, number, caption in floats if first <= start < last), ("", ""))
        rows = _rows(_without_heads(_after_arguments(body, 2 if _OF_TWO.fullmatch(name) else 1)), cited)
        yield Tabular(number=around[0], caption=_words(around[1], cited), rows=rows, start=start, end=end)


def with_environments(text: str) -> str:
    r"""Return LaTeX without tables with an environment around its bare rows.

    >>> with_environments("Text.\nNet & Recall & F1 \\\\\nA & 0.9 & 0.8 \\\\\n")
    'Text.\n\\begin{tabular}{}Net & Recall & F1 \\\\\nA & 0.9 & 0.8 \\\\\\end{tabular}\n'
    """
    return _BARE.sub(lambda rows: rf"\begin{{tabular}}{{}}{rows[0].rstrip()}\end{{tabular}}" + "\n", text)


def paragraphs(text: str) -> list[str]:
    r"""Return what the paragraphs of LaTeX read as, its preamble left out.

    >>> paragraphs(r"\textbf{99.37}\,$\pm$\,0.40~\%" + "\n\n" + r"$F_{1}$ of \emph{ALL} & $10^{-4}$ \cite{a}")
    ['99.37 ± 0.40 %', 'F1 of ALL & 10^-4 [1]']
    """
    cited = _cited(text)
    body = re.sub(r"\\(?:begin|end)\s*\{[^{}]*\}(?:\[[^\]]*\])?", "", text.partition(r"\begin{document}")[2] or text)
    return [_words(paragraph, cited) for paragraph in re.split(r"\n\s*\n", body)]


def _words(text: str, cited: dict[str, int]) -> str:
    def mark(match: re.Match[str]) -> str:
        return f" [{', '.join(str(cited.get(key.strip(), 1)) for key in match[1].split(','))}]"

    text = _DROPPED.sub("", _CITE.sub(mark, text))
    for pattern, sign in _SIGNS:
        text = re.sub(pattern, sign, text)
    text = re.sub(r"\\[a-zA-Z]+\*?", " ", re.sub(r"\\(?:text|math)[a-z]+(?=\s*\{)", "", text).replace("~", " "))
    return " ".join(re.sub(r"[{}$]|\\(?![\\])", "", text).split())


def _cited(text: str) -> dict[str, int]:
    """Return the number of each work by the order in which the text cites them."""
    found: dict[str, int] = {}
    for match in _CITE.finditer(text):
        for key in match[1].split(","):
            found.setdefault(key.strip(), len(found) + 1)
    return found


def _floats(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Yield start, end, number and caption of the floats that have a caption."""
    opened: list[int] = []
    number = 0
    for match in _FLOAT.finditer(text):
        if match[1] == "begin":
            opened.append(match.start())
        elif opened and (start := opened.pop()) is not None and not opened:
            caption = _CAPTION.search(text, start, match.start())
            if caption is not None:
                number += 1
                yield start, match.end(), f"Table {number}", _group(text, caption.end())[0]


def _environments(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Yield start, end, name and body of each table that stands in no other."""
    opened: list[tuple[int, str, list[str]]] = []
    at = 0
    for match in _TABULAR.finditer(text):
        if opened:
            opened[-1][2].append(text[at : match.start()])
        at = match.end()
        if match[1] == "begin":
            opened.append((match.start(), match[2], []))
        elif opened:
            start, name, pieces = opened.pop()
            body = "".join(pieces)
            if opened:
                opened[-1][2].append(_NEW_ROW.sub(" ", _after_arguments(body, 1)).replace("&", " "))
            else:
                yield start, match.end(), name, body


def _group(text: str, start: int) -> tuple[str, int]:
    """Return what stands between the brace at a place and its other one, and the place after it."""
    depth = 0
    for at in range(start, min(len(text), start + 20_000)):
        if text[at] in "{}" and text[at - 1 : at] != "\\":
            depth += 1 if text[at] == "{" else -1
            if depth == 0:
                return text[start + 1 : at], at + 1
    return text[start + 1 :], len(text)


def _groups(text: str, start: int, n: int) -> tuple[list[str], int]:
    """Return the next arguments of a command, those in brackets left out, and the place after them."""
    found: list[str] = []
    while len(found) < n:
        if (gap := re.compile(r"\s*(?:\[[^\]]*\]\s*)?(\{|[\w*])").match(text, start)) is None:
            break
        inner, start = _group(text, gap.start(1)) if gap[1] == "{" else (gap[1], gap.end())
        found.append(inner)
    return found + [""] * (n - len(found)), start


def _after_arguments(body: str, n: int) -> str:
    gap = re.match(r"\s*\[[^\]]*\]", body)
    return body[_groups(body, gap.end() if gap else 0, n)[1] :]


def _without_heads(body: str) -> str:
    """Return the body of a long table with its header once, and without what stands at the ends of pages."""
    parts = re.split(r"\\(endfirsthead|endhead|endfoot|endlastfoot)", body)
    heads = dict(zip(parts[1::2], parts[0::2], strict=False))
    return heads.get("endfirsthead", heads.get("endhead", "")) + "\n" + parts[-1]


def _rows(body: str, cited: dict[str, int]) -> list[list[str]]:
    while (stacked := _STACKED.search(body)) is not None:
        inner, end = _group(body, stacked.end())
        body = f"{body[: stacked.start()]}{_NEW_ROW.sub(' ', inner)}{body[end:]}"
    while (caption := _CAPTION.search(body)) is not None:
        body = f"{body[: caption.start()]}{body[_group(body, caption.end())[1] :]}"
    spans: dict[int, tuple[int, str]] = {}  # column -> how many rows a cell goes on, and its text
    rows: list[list[str]] = []
    for line in _NEW_ROW.split(_RULES.sub(" ", body)):
        cells = [cell for text in re.split(r"(?<!\\)&", line) for cell in _spanned(text, cited)]
        if not any(text for text, _ in cells):
            continue
        row = []
        for c, (text, high) in enumerate(cells):
            left, above = spans.get(c, (0, ""))
            row.append(text or (above if left > 0 else ""))
            spans[c] = (high - 1, text) if text else (left - 1, above)
        rows.append(row)
    return rows


def _spanned(text: str, cited: dict[str, int]) -> Sequence[tuple[str, int]]:
    """Return a cell as the columns that it stands in, each with the number of rows that it goes on."""
    wide, high = "1", "1"
    if (match := _MULTICOLUMN.search(text)) is not None:
        (wide, _, inner), _ = _groups(text, match.end(), 3)
        text = inner
    if (match := _MULTIROW.search(text)) is not None:
        (high, _, inner), end = _groups(text, match.end(), 3)
        text = f"{text[: match.start()]}{inner}{text[end:]}"
    numbers = [min(int(n), 50) if n.strip().isdigit() else 1 for n in (wide, high)]
    return [(_words(text, cited), numbers[1])] * numbers[0]
