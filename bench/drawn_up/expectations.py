"""What is expected of a list, and the licences that its author meant."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from bench.damaged.expectations import FilePurpose


class Want(StrEnum):
    """What a data officer wants to happen."""

    #: Read as meant, without a question.
    READ = "read"
    #: Read as meant, or asked about; never read otherwise in silence.
    ASK = "ask"
    #: Refused with a sentence.
    REFUSE = "refuse"


@dataclass(frozen=True)
class DrawnUpList:
    """A file, the options of its import, and what is expected."""

    name: str
    filename: str
    content: bytes
    want: Want
    #: Licences by UAI, for the schools whose number is certain.
    truth: Mapping[str, int]
    #: What a data officer expects, in a sentence.
    expects: str
    purpose: FilePurpose = FilePurpose.ALLOCATION
    quantity_for_all: int | None = None
    quantity_column: str | None = None
    portfolio: frozenset[str] = field(default_factory=frozenset)
    #: UAI of the schools that it names without giving them anything.
    refused: frozenset[str] = field(default_factory=frozenset)


def load_list(path: Path) -> DrawnUpList:
    """Return the list of a spreadsheet with its `*.truth.json` beside it."""
    expected: dict[str, Any] = json.loads(path.with_name(f"{path.name}.truth.json").read_text())
    return DrawnUpList(
        name=path.stem,
        filename=path.name,
        content=path.read_bytes(),
        want=Want(expected["want"]),
        truth=expected["truth"],
        expects=expected["expects"],
        quantity_for_all=expected["options"].get("quantity"),
    )
