"""The certificate of a split: hash-locked proof of what it does and does not keep apart.

Everything is counted from the manifest and the groups, not from what the split says about its own rows, so a split that
was edited cannot vouch for itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

import pandas as pd

from leukbench.cohort.components import components
from leukbench.cohort.manifest import manifest_sha256, origin_of
from leukbench.cohort.tables import groups_sha256, split_sha256
from leukbench.errors import DataError
from leukbench.records import Evidence, Protocol, SplitRule, as_plain, digest

FORMAT = "leukbench-certificate-1"
SHARED = ("images", "origins", "identical_pixels", "patients", "groups")
_EVIDENCE: tuple[Evidence, ...] = ("absent", "inferred", "verified")
_SENTENCE: dict[Evidence, str] = {
    "verified": "by patient, ids published",
    "inferred": "by group, patient ids inferred",
    "absent": "by group, no patient ids published",
}
_KEEPS = {name: f"keeps_{name}_apart" for name in SHARED}
_HONEST = (*_KEEPS.values(), "tests_no_copies", "tests_each_image_at_most_once")
_PROMISES: dict[Protocol, tuple[str, ...]] = {
    "patient": _HONEST,
    "challenge": _HONEST,
    "transfer": (*_HONEST, "tests_another_source"),
    "image": (_KEEPS["images"], "tests_each_image_at_most_once"),
    "augment_first": (_KEEPS["images"], "declares_what_it_shares"),
    "as_published": ("declares_what_it_shares",),
}


def promises(protocol: Protocol) -> tuple[str, ...]:
    """Return the names of the verdicts that must not be false for a protocol.

    ``patient`` and ``challenge``: nothing shared between training side and test, no augmented copy tested.
    ``transfer``: besides, every tested image is of another source than every training image (ids of the tested source
    bear its name). ``image``: each image on one side. ``augment_first``, ``as_published``: may share, and must say so.
    For every protocol the rows must agree with manifest and groups.
    """
    return (*_PROMISES[protocol], "agrees_with_manifest", "agrees_with_groups")


def make_certificate(
    manifest: pd.DataFrame, groups: pd.DataFrame, split: pd.DataFrame, *, rule: SplitRule, protocol: Protocol
) -> dict[str, Any]:
    """Return the certificate of a split as a JSON value.

    Keys: ``format``, ``protocol``, ``rule``, ``sha256`` (of manifest, groups, split: the hashes of their files),
    ``evidence`` and ``sentence`` (how good the patient ids of the images in the split are: the weakest), ``folds`` (per
    fold: ``roles`` with numbers of rows, images, copies, origins, patients, groups, and rows a ``class``; ``shared``:
    how many images, origins, identical pixels, patients, groups of the test part are also in train or validation),
    ``shared`` (the sum over folds), ``declares`` (one sentence about it), ``verdicts`` (true, false, or null where it
    cannot be known), ``self_sha256`` (of all else).

    Raises
    ------
    DataError
        Where a row's image is not in the manifest.
    """
    known = _known(manifest, groups, split)
    folds = [_fold(number, part) for number, part in known.groupby("fold", sort=True)]
    shared = {name: sum(fold["shared"][name] for fold in folds) for name in SHARED}
    spoken_of = known[known["role"].eq("test")] if protocol == "transfer" else known
    evidence = _EVIDENCE[min(_EVIDENCE.index(e) for e in spoken_of["evidence"].unique())]
    declares = _declares(shared, known)
    certificate: dict[str, Any] = {
        "format": FORMAT,
        "protocol": protocol,
        "rule": as_plain(rule),
        "sha256": {
            "manifest": manifest_sha256(manifest),
            "groups": groups_sha256(groups),
            "split": split_sha256(split),
        },
        "evidence": evidence,
        "sentence": _SENTENCE[evidence],
        "unknown_origins": int(known.loc[~known["_origin_known"], "_base"].nunique()),
        "folds": folds,
        "shared": shared,
        "declares": declares,
        "verdicts": _verdicts(known, shared, evidence),
    }
    if protocol == "transfer":
        certificate["sentence"] = "by source; the tested groups: " + _SENTENCE[evidence]
        certificate["verdicts"]["tests_another_source"] = _another_source(known)
    certificate["self_sha256"] = digest(certificate)
    return certificate


def check_certificate(
    certificate: Mapping[str, Any],
    *,
    manifest: pd.DataFrame | None = None,
    groups: pd.DataFrame | None = None,
    split: pd.DataFrame | None = None,
) -> list[str]:
    """Return what is wrong with a certificate, one sentence each; an empty list means that its protocol keeps its word.

    Without tables: the certificate is untouched and its verdicts keep the protocol's promises. With the three tables:
    also that they are the ones that were certified, and that counting again gives the same certificate.

    Parameters
    ----------
    certificate
        As :func:`make_certificate` made it.
    manifest, groups, split
        The tables that it is said to be of.

    Returns
    -------
    Problems, in words.
    """
    if certificate.get("format") != FORMAT:
        return [f"this is not a certificate: format must be {FORMAT!r}, found {certificate.get('format')!r}"]
    protocol = cast(Protocol, certificate["protocol"])
    rest = {key: value for key, value in certificate.items() if key != "self_sha256"}
    problems = (
        [] if digest(rest) == certificate.get("self_sha256") else ["the certificate was edited after it was made"]
    )
    problems += _broken(certificate, protocol)
    tables = {"manifest": manifest, "groups": groups, "split": split}
    hashes = {"manifest": manifest_sha256, "groups": groups_sha256, "split": split_sha256}
    for name, table in tables.items():
        if table is not None and hashes[name](table) != certificate["sha256"][name]:
            problems.append(f"the {name} is not the one that was certified (its sha256 differs)")
    if manifest is not None and groups is not None and split is not None:
        problems += _recount(certificate, manifest, groups, split)
    return list(dict.fromkeys(problems))


def _broken(certificate: Mapping[str, Any], protocol: Protocol) -> list[str]:
    """Return the promises of the protocol that the certificate's own counts and verdicts break."""
    verdicts, shared = certificate["verdicts"], certificate["shared"]
    problems = []
    for name in promises(protocol):
        if name == "declares_what_it_shares":
            if any(shared.values()) and not certificate["declares"]:
                problems.append(f"protocol {protocol}: the split shares between train and test, and does not say so")
        elif verdicts[name] is False:
            problems.append(
                f"protocol {protocol} promises that it {name.replace('_', ' ')}; {_witness(certificate, name)}"
            )
    rule = certificate["rule"]
    if protocol == "patient" and rule["unit"] != "group":
        problems.append(f"protocol patient must be cut by group, the rule cuts by {rule['unit']}")
    if protocol in {"challenge", "transfer"} and not rule["test_pool"]:
        problems.append(f"protocol {protocol} must name a test_pool")
    if protocol == "augment_first" and rule["augment"] != "before":
        problems.append(f"protocol augment_first must plan copies before the cut, the rule says {rule['augment']!r}")
    return problems


def _witness(certificate: Mapping[str, Any], verdict: str) -> str:
    """Return the count behind a false verdict, with the folds where it happens."""
    for name, keeps in _KEEPS.items():
        if verdict == keeps:
            where = [str(f["fold"]) for f in certificate["folds"] if f["shared"][name]]
            return f"{certificate['shared'][name]} {name.replace('_', ' ')} shared (fold {', '.join(where)})"
    if verdict == "tests_no_copies":
        return f"{sum(f['roles']['test']['copies'] for f in certificate['folds'])} augmented copies are tested"
    return "the split does not"


def _recount(
    certificate: Mapping[str, Any], manifest: pd.DataFrame, groups: pd.DataFrame, split: pd.DataFrame
) -> list[str]:
    """Return what the tables break when they are certified again under the certificate's rule and protocol."""
    rule_fields = {f.name for f in dataclasses.fields(SplitRule)}
    lists = {"pool", "test_pool", "shares"}
    plain: dict[str, Any] = {
        k: (tuple(v) if k in lists and v is not None else v) for k, v in certificate["rule"].items()
    }
    if set(plain) != rule_fields:
        return ["the certificate's rule has unknown or missing keys"]
    try:
        again = make_certificate(
            manifest, groups, split, rule=SplitRule(**plain), protocol=cast(Protocol, certificate["protocol"])
        )
    except DataError as error:
        return [f"the split cannot be certified: {error.what}"]
    problems = _broken(again, cast(Protocol, certificate["protocol"]))
    if as_plain(again) != as_plain(dict(certificate)) and again["sha256"] == certificate["sha256"]:
        problems.append("counting again gives another certificate")
    return problems


def _known(manifest: pd.DataFrame, groups: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """Return the split's rows with what manifest and groups say of their images (columns with an underscore)."""
    base = split["image_id"].str.split("#").str[0]
    facts = manifest.assign(_origin=origin_of(manifest), _pixels=_pixel_classes(manifest)).set_index("image_id")
    group_of = groups.set_index("image_id")["group"]
    lost = ~base.isin(facts.index) | ~base.isin(group_of.index)
    if lost.any() or split.empty:
        raise DataError(
            "a split has rows whose image is not in the manifest or in no group, or no rows at all",
            where="split table",
            found=f"{int(lost.sum())} of {len(split)} rows" + (f", e.g. {base[lost].iloc[0]!r}" if lost.any() else ""),
            do="make the split again from this manifest and these groups",
        )
    facts = facts.reindex(pd.Index(base)).reset_index(drop=True)
    return split.reset_index(drop=True).assign(
        _base=base.to_numpy(),
        _origin=facts["_origin"],
        _origin_known=facts["origin"].ne(""),
        _pixels=facts["_pixels"],
        _patient=facts["patient"],
        _source_label=facts["label"],
        _group=base.map(group_of).to_numpy(),
        evidence=facts["evidence"],
    )


def _pixel_classes(manifest: pd.DataFrame) -> pd.Series:
    """Return one number per set of images with equal pixels; equal files count as equal pixels where none are known.

    An image with neither hash stands alone.
    """
    n = len(manifest)
    rows, columns, width = [], [], n
    for name in ("pixel_sha256", "sha256"):
        known = manifest[name].ne("").to_numpy()
        codes, names = pd.factorize(manifest.loc[known, name])
        rows.append(known.nonzero()[0])
        columns.append(codes + width)
        width += len(names)
    i, j = (pd.Series([x for part in parts for x in part], dtype="int64").to_numpy() for parts in (rows, columns))
    return pd.Series(components(width, i, j)[:n], index=manifest.index)


def _fold(number: Any, part: pd.DataFrame) -> dict[str, Any]:
    """Return the counts of one fold."""
    test = part["role"].eq("test")
    columns = {"images": "image_id", "origins": "_origin", "patients": "_patient", "groups": "_group"}
    shared = {name: _overlap(part, test, column) for name, column in columns.items()}
    twins = part.loc[~test, ["_pixels", "_base"]].drop_duplicates()
    tested = part.loc[test, ["_pixels", "_base"]].drop_duplicates()
    meeting = tested.merge(twins, on="_pixels")
    shared["identical_pixels"] = int(meeting.loc[meeting["_base_x"].ne(meeting["_base_y"]), "_base_x"].nunique())
    return {
        "fold": int(number),
        "roles": {role: _role(rows) for role, rows in part.groupby("role", sort=True)},
        "shared": {name: shared[name] for name in SHARED},
    }


def _overlap(part: pd.DataFrame, test: pd.Series, column: str) -> int:
    """Return how many values of a column stand in the test part and in train or validation; "" counts for nothing."""
    both = set(part.loc[test, column]) & set(part.loc[~test, column])
    return len(both - {""})


def _role(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the numbers of one role of one fold."""
    return {
        "rows": len(rows),
        "images": int(rows["_base"].nunique()),
        "copies": int(rows["copy"].gt(0).sum()),
        "origins": int(rows["_origin"].nunique()),
        "patients": int(rows.loc[rows["_patient"].ne(""), "_patient"].nunique()),
        "groups": int(rows["_group"].nunique()),
        "class": {str(label): int(n) for label, n in rows["label"].value_counts().sort_index().items()},
    }


def _declares(shared: Mapping[str, int], known: pd.DataFrame) -> str:
    """Return the sentence that says what train and test share, "" where that is nothing."""
    found = [f"{n} {name.replace('_', ' ')}" for name, n in shared.items() if n]
    copies = int(known.loc[known["role"].eq("test"), "copy"].gt(0).sum())
    text = f"shared between training side and test, summed over folds: {', '.join(found)}" if found else ""
    extra = f"{copies} augmented copies are tested" if copies else ""
    return "; ".join(part for part in (text, extra) if part)


def _verdicts(known: pd.DataFrame, shared: Mapping[str, int], evidence: Evidence) -> dict[str, bool | None]:
    """Return what the split does, as true, false, or null where nobody can know."""
    verdicts: dict[str, bool | None] = {keeps: shared[name] == 0 for name, keeps in _KEEPS.items()}
    if evidence == "absent" and verdicts[_KEEPS["patients"]]:
        verdicts[_KEEPS["patients"]] = None
    if not known["_origin_known"].all() and verdicts[_KEEPS["origins"]]:
        verdicts[_KEEPS["origins"]] = None
    # the same image in several roles of a fold, validation included, or tested twice
    one_role = (
        known.groupby(["fold", "image_id"])["role"].nunique().le(1).all()
        and not known.duplicated(["fold", "image_id"]).any()
    )
    verdicts[_KEEPS["images"]] = bool(verdicts[_KEEPS["images"]] and one_role)
    tested = known[known["role"].eq("test")]
    verdicts["tests_no_copies"] = not tested["copy"].gt(0).any()
    verdicts["tests_each_image_at_most_once"] = not tested.duplicated("image_id").any()
    verdicts["agrees_with_manifest"] = _agrees(known)
    verdicts["agrees_with_groups"] = bool(known["group"].eq(known["_group"]).all())
    return verdicts


def _another_source(known: pd.DataFrame) -> bool:
    """Return whether the names before the ids (none for the study's own source) differ
    between test and training side."""
    source = known["_base"].str.extract(r"^([^:]*):", expand=False).fillna("")
    tested = known["role"].eq("test")
    return not set(source[tested]) & set(source[~tested])


def _agrees(known: pd.DataFrame) -> bool:
    """Return whether ids, origins, patients and labels of the rows are those of the manifest."""
    planned = known["_base"] + ("#" + known["copy"].astype(str)).where(known["copy"].gt(0), "")
    one_class = known.groupby("_source_label")["label"].nunique().le(1).all()
    same = planned.eq(known["image_id"]) & known["origin"].eq(known["_origin"]) & known["patient"].eq(known["_patient"])
    return bool(same.all() and one_class and known["role"].isin(["train", "validation", "test"]).all())
