"""Acts of the simulated year in class: classes are opened, taken along to the next year, and pupils handed over."""

from __future__ import annotations

from core.formatting import of_name
from licensing.catalogue.pricing import PUPILS_PER_CLASS
from licensing.classes import handover_codes, handovers, operations
from licensing.classes.handovers import receive
from licensing.classes.operations import list_offers
from licensing.classes.pupils import add_pupils
from sites.demo.year.school_plans import SchoolPlan
from sites.demo.year.world import YearWorld

#: Where the receiving teachers type the code.
_ADDRESS = "192.0.2.10"
#: Pupils who change teacher.
_HANDED_OVER = 6


def open_class(world: YearWorld, *, plan: SchoolPlan, year: int, place: int, level: str, pupils: int) -> None:
    """Have a teacher open the class of their seat, with its pupils."""
    teacher = world.user(plan.teachers[place])
    seat = world.get_seat(plan, year, place)
    classroom = operations.open_class(
        seat_id=seat.pk, by=teacher, name=f"{level} {of_name(teacher.first_name)}", at=world.at
    )
    add_pupils(classroom_id=classroom.pk, count=pupils, by=teacher, at=world.at)


def carry_on(world: YearWorld, *, plan: SchoolPlan, year: int, place: int) -> None:
    """Have a teacher take along the class of the year before, all pupils with it."""
    teacher = world.user(plan.teachers[place])
    seat = world.get_seat(plan, year, place)
    [offer] = list_offers(teacher, at=world.at)
    numbers = list(offer.classroom.pupils.values_list("number", flat=True))
    operations.carry_on(
        classroom_id=offer.classroom.pk,
        seat_id=seat.pk,
        numbers=numbers,
        name=offer.classroom.name,
        by=teacher,
        at=world.at,
    )


def hand_over(world: YearWorld, *, plan: SchoolPlan, year: int, giver: int, receiver: int) -> None:
    """Have a teacher hand pupils of the year before to a colleague, who types the code."""
    teacher, colleague = (world.user(plan.teachers[place]) for place in (giver, receiver))
    [offer] = list_offers(teacher, at=world.at)
    target = world.get_seat(plan, year, receiver).classroom
    room = PUPILS_PER_CLASS - target.pupils.count()
    taken = set(target.pupils.values_list("word", flat=True))
    movable = offer.classroom.pupils.exclude(word__in=taken).order_by("number")
    numbers = list(movable.values_list("number", flat=True)[: min(room, _HANDED_OVER)])
    if not numbers:
        return
    handover = handovers.prepare_handover(classroom_id=offer.classroom.pk, numbers=numbers, by=teacher, at=world.at)
    code = handover_codes.unseal(handover)
    receive(code=code, classroom_id=target.pk, by=colleague, address=_ADDRESS, at=world.at)
