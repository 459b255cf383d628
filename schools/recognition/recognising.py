"""From the rows of a list to the schools they mean.

Rows whose UAI is right and whose name and commune agree with the directory's cost a comparison of texts. The others are
looked up, all together.
"""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

from schools.recognition import known
from schools.recognition.answers import How, Recognised
from schools.recognition.codes import code_of
from schools.recognition.confirming import at_a_glance
from schools.recognition.lookup import Lookup
from schools.recognition.places import departement_of_uai
from schools.recognition.settling import plainly, settle, settle_whole_list
from schools.uai import is_valid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schools.recognition.answers import Named, Scope
    from schools.recognition.codes import Code
    from schools.recognition.known import Glance
    from schools.recognition.settling import Settled


def recognise(rows: Sequence[Named], scope: Scope, seen: dict[str, Glance] | None = None) -> dict[int, Recognised]:
    """Return for each row, by its key, the school that it means, or a doubt and proposals.

    A handful of statements, whatever the number of rows. Nothing is written. `seen` receives what was read of the
    schools whose UAI the rows bear, so that nobody need read it again.
    """
    codes: dict[int, Code] = {row.key: code_of(row.uai) for row in rows if not is_valid(row.uai)}
    glances = known.glances(
        {row.uai for row in rows if row.key not in codes}.union(*((*each.valid, *each.near) for each in codes.values()))
    )
    if seen is not None:
        seen |= glances
    sure: dict[int, Recognised] = {}
    doubtful: list[tuple[Named, Code]] = []
    for row in rows:
        key, read, name, commune, postal_code, departement, _, _ = row
        code = codes.get(key) if codes else None
        glance = glances.get(read if code is None else code.one)
        if glance is not None and (
            # As the directory writes all of it, or near enough.
            (name, commune, postal_code, departement) == (glance.name, glance.commune, glance.postal_code, "")
            or at_a_glance(row, glance)
        ):
            how, confidence = (How.REPAIRED, 0.97) if code is not None and code.repaired else (How.UAI, 1.0)
            sure[key] = Recognised(glance.uai, how, confidence, (), "")
        else:
            doubtful.append((row, code or code_of(read)))
    if not doubtful:
        return sure
    with _uncollected():
        settled = _second_look(doubtful, scope, glances, [answer.uai for answer in sure.values()])
    return settle_whole_list(rows, sure, settled, glances)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Make hundreds of thousands of small objects without a search for cycles, of which there are none.

    The collector would walk through all of them again and again: a third of the whole time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _second_look(
    doubtful: Sequence[tuple[Named, Code]], scope: Scope, glances: Mapping[str, Glance], sure: Sequence[str]
) -> dict[int, Settled]:
    mentioned = {uai for _, code in doubtful for uai in (*code.valid, *code.near) if uai in glances}
    schools = {school.uai: school for school in known.near(uais=mentioned)} if mentioned else {}
    settled: dict[int, Settled] = {}
    sought: list[tuple[Named, Code]] = []
    for row, code in doubtful:
        school = schools.get(code.one)
        answer = None if school is None else plainly(row, code, school)
        if answer is not None:
            settled[row.key] = answer
        elif school is not None and not (row.commune or row.postal_code or row.departement):
            # No place is told: the name is searched around the school of the UAI.
            sought.append((row._replace(departement=school.departement), code))
        else:
            sought.append((row, code))
    if sought:
        certain = [*sure, *(each.answer.uai for each in settled.values())]
        lookup = Lookup([row for row, _ in sought], scope, schools.values(), [*map(departement_of_uai, certain)])
        for row, code in sought:
            settled[row.key] = settle(row, code, lookup)
    return settled
