"""Read a Parquet mirror of C-NMC 2019 and say, image by image, whether it holds what was published."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from leukbench.errors import DataError
from leukbench.sources.dirt import walk
from leukbench.sources.placing import Places, Tally, new_folder

COLUMNS = ("image", "subject_id", "class_label", "original_image_name")
_AT_ONCE = 64
_OF = re.compile(r"-of-(\d+)\.parquet$")


def restore_mirror(folder: Path, shards: Path, *, places: Places, published: set[str]) -> str:
    """Write every published image that the shards hold into its place in ``folder`` and return how many there are.

    An image counts as published if its bytes, or the published file with its pixels, have the published sha256. Others
    are counted and left out. ``published`` are the paths that the mirror claims to hold. Raises DataError where the
    shards cannot be read or hold no published image.
    """
    tally = Tally()
    with new_folder(folder) as trial:
        for name, data in read_shards(shards):
            found = places.find(data, name=name)
            if tally.add(name, found) and found is not None:
                (trial / found.path).parent.mkdir(parents=True, exist_ok=True)
                (trial / found.path).write_bytes(data if found.restored is None else found.restored)
        if not tally.paths:
            raise DataError(
                "a mirror holds no published image",
                where=str(shards),
                expected="images of C-NMC 2019",
                found=f"{len(tally.unknown)} other images",
                do="get the source by another portal",
            )
    return mirror_summary(tally, published)


def read_shards(shards: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (original name, bytes of the image file) of every row.

    Parameters
    ----------
    shards
        A folder with the mirror's Parquet files anywhere below it.

    Raises
    ------
    DataError
        Where files are missing, cannot be read, or are no such mirror.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(file for file in walk(shards) if file.suffix == ".parquet")
    _refuse_incomplete(shards, files)
    for file in files:
        try:
            with pq.ParquetFile(file) as opened:
                lost = [column for column in COLUMNS if column not in opened.schema_arrow.names]
                if lost:
                    raise DataError("a mirror has other columns", where=str(file), expected=", ".join(COLUMNS),
                                    found="missing: " + ", ".join(lost))  # fmt: skip
                for batch in opened.iter_batches(batch_size=_AT_ONCE, columns=["image", "original_image_name"]):
                    for row in batch.to_pylist():
                        yield str(row["original_image_name"]), (row["image"] or {}).get("bytes") or b""
        except (pa.ArrowException, OSError) as error:
            raise DataError("a shard of a mirror cannot be read", where=str(file), expected="a whole Parquet file",
                            found=str(error), do="remove it and fetch again") from error  # fmt: skip


def _refuse_incomplete(shards: Path, files: Sequence[Path]) -> None:
    """Refuse a folder with fewer shards than their names say: some versions of the library return half a folder where
    the hub is out of reach."""
    if not files:
        raise DataError("a mirror has no Parquet file", where=str(shards), expected="*.parquet", found="none")
    stated = {int(match[1]) for file in files if (match := _OF.search(file.name))}
    if stated and stated != {len(files)}:
        raise DataError(
            "shards of a mirror are missing",
            where=str(shards),
            found=f"{len(files)} files",
            expected=f"{max(stated)}, as their names say",
            do="fetch again: what is here is kept",
        )


def mirror_summary(tally: Tally, published: set[str]) -> str:
    """Return how many published images a mirror holds, how, and what is wrong with the rest."""
    here, missing = tally.paths & published, published - tally.paths
    lines = [
        f"the mirror holds {len(here):,} of the {len(published):,} published images: "
        f"{len(tally.as_published & published):,} byte for byte, "
        f"{len(tally.restored & published):,} by their pixels, written here as the published file",
        f"  missing: {len(missing):,}" + _shown(sorted(missing)),
        f"  with pixels that no published file has: {len(tally.unknown):,}" + _shown(tally.unknown),
        f"  under the name of another image: {len(tally.renamed):,}" + _shown(tally.renamed),
        f"  more than once: {len(tally.repeated):,}" + _shown(tally.repeated),
    ]
    beyond = len(tally.paths - published)
    return "\n".join([*lines, *([f"  of other pools: {beyond:,}"] if beyond else [])])


def _shown(names: list[str], *, n_shown: int = 3) -> str:
    more = f", and {len(names) - n_shown:,} more" if len(names) > n_shown else ""
    return f" ({', '.join(names[:n_shown])}{more})" if names else ""
