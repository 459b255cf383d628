"""Write the outlines of a file; an outline that is there already is replaced."""

from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from schools.models import TerritoryLevel, TerritoryOutline
from schools.outlines.geojson import RefusedFeature, read_outlines

_BATCH = 1_000


class OutlineReport(NamedTuple):
    """What was loaded, by level, and the features that were not."""

    loaded: dict[TerritoryLevel, int]
    refused: list[RefusedFeature]


def load_outlines(*, path: Path, source: str, level: str = "", at: datetime.datetime) -> OutlineReport:
    """Write the outlines of a GeoJSON file, all or none, and return what they are. Raises `OutlinesRefused`.

    `source`: named below maps. `level`: a `TerritoryLevel`, where the file leaves it open.
    """
    read = read_outlines(path, level=level)
    # The last of the same code counts: one statement cannot write a row twice.
    outlines = {(outline.level, outline.code): outline for outline in read.outlines}
    TerritoryOutline.objects.bulk_create(
        [TerritoryOutline(**outline._asdict(), source=source, loaded_at=at) for outline in outlines.values()],
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["level", "code"],
        update_fields=["siren", "name", "rings", "source", "loaded_at"],
    )
    return OutlineReport(dict(Counter(TerritoryLevel(outline.level) for outline in outlines.values())), read.refused)
