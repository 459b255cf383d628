"""What the rows are judged against: facts of the directory, of the remit and of the lot."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from imports.enums import Purpose, Volume
    from schools.recognition import Proposal


class RemitFacts(NamedTuple):
    """What the remit says of a school."""

    contact_name: str
    contact_email: str
    contact_phone: str
    classes: int | None


class SchoolFacts(NamedTuple):
    """What is known of a school that a row names."""

    #: As lists show it: « École Jean Jaurès – Nîmes ».
    label: str
    closed: bool
    #: Whether it has classes from CP to CM2.
    elementary: bool
    mailbox: str
    #: None where the school is not in the remit.
    remit: RemitFacts | None
    #: Licences it has from the lot, and since when its key is redeemed.
    held: int
    redeemed_at: datetime.datetime | None


class Situation(NamedTuple):
    """What the rows are judged against."""

    purpose: Purpose
    schools: Mapping[str, SchoolFacts]
    #: An empty remit says nothing about who is outside it.
    has_remit: bool
    #: Whether the lot's product serves classes from CP to CM2.
    for_elementary: bool
    #: What says how many licences, and the one number for all where that does.
    volume: Volume | None
    units_for_all: int | None
    #: For closed schools, the open one that the directory shows in their place.
    successors: Mapping[str, Proposal] = {}
    #: Names of the workbook's sheets, to say where another row stands.
    sheets: Sequence[str] = ()
