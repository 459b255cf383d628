"""Erase pupils a fixed time after their licence ended: warning, erasure, certificate.

Run daily by every worker; concurrent runs skip each other's locked classes. An interrupted run is resumed the next
day, and e-mails are queued in the same transaction as the erasure, for the next day on which one writes to the school.
"""

import datetime
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from itertools import chain
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse
from django.utils import timezone

from accounts.models import User
from core.calendar import date_in_paris
from core.copy_rows import reserve_ids
from core.formatting import NO_BREAK_SPACE, number
from licensing.classes import words
from licensing.classes.models import Classroom, DeletionCertificate, HandoverOutcome, PupilAccount, PupilHandover
from licensing.entitlements.models import Entitlement
from licensing.entitlements.queries import at_verified_schools
from licensing.entitlements.wording import format_long_date, name_with_commune
from mailing.operations import NewMessage, enqueue_in_portal
from schools.calendar import find_writing_moments
from schools.models import Affiliation

# Deletion certificates: who may read them, and their content, as a page and as a PDF.
#
# Readable by the teacher of the class, the principal whose subscription it was, and verified principals of the school.
# A principal who is not verified sees neither the teacher's name nor the name of the class.

TITLE = "Certificat d’effacement de comptes élèves"
STATEMENT = (
    (
        "Pep’s certifie que les comptes élèves de cette classe ont été effacés du portail à la date ci-dessus : le "
        "numéro et l’identifiant de chacun, son mot de passe (dont seule l’empreinte était enregistrée) et la date de "
        "sa dernière connexion."
    ),
    (
        "Aucun nom, aucun prénom et aucune autre donnée d’identité d’un élève n’ont jamais été transmis au portail. Ce "
        "qui dit quel enfant se servait de quel compte n’existe que sur la feuille remplie et conservée par "
        "l’enseignant, à qui il revient de la détruire."
    ),
    (
        "Ce certificat porte sur les comptes tenus par le portail. Il est établi automatiquement, et reste lisible "
        "dans le compte de l’enseignant et de la direction de l’établissement."
    ),
)


class ReadableCertificate(NamedTuple):
    """A certificate, and whether its reader may see the teacher's name and the name of the class."""

    certificate: DeletionCertificate
    named: bool

    @property
    def class_label(self) -> str:
        classroom = self.certificate.classroom
        code = words.spell(classroom.code)
        return f"{classroom.name} ({code})" if self.named else code

    @property
    def school_label(self) -> str:
        school = self.certificate.school
        if school is None:
            # A school typed by hand in the principal's account.
            principal = self.certificate.classroom.seat.subscription.principal
            return next((str(typed) for typed in principal.affiliations.all()), str(principal))
        return f"{name_with_commune(school)}, UAI{NO_BREAK_SPACE}{school.uai}"

    @property
    def content_lines(self) -> list[tuple[str, str]]:
        """The content as (label, value) lines, without empty values."""
        one = self.certificate
        teacher = one.teacher.get_full_name() if one.teacher and self.named else ""
        erased = timezone.localtime(one.erased_at)
        lines = [
            ("Certificat", f"n°{NO_BREAK_SPACE}{one.number}"),
            ("Établissement", self.school_label),
            ("Classe", self.class_label),
            ("Enseignant", teacher),
            ("Licence terminée le", format_long_date(one.licence_ended_on)),
            ("Premier compte créé le", format_long_date(one.first_created_at) if one.first_created_at else ""),
            ("Comptes élèves effacés", number(one.pupils)),
            (
                "Effacés le",
                f"{format_long_date(one.erased_at)} à {erased:%H}{NO_BREAK_SPACE}h{NO_BREAK_SPACE}{erased:%M}",
            ),
        ]
        return [(label, value) for label, value in lines if value]


def list_readable(user: User, **condition: Any) -> list[ReadableCertificate]:
    """Return the certificates under a condition that a user may read, the newest first."""
    led_schools = at_verified_schools(user)
    certificates = (
        DeletionCertificate.objects.filter(
            Q(teacher=user) | Q(classroom__seat__subscription__principal=user) | led_schools, **condition
        )
        .select_related("classroom__seat__subscription__principal")
        .select_related("teacher", "school")
        .prefetch_related("classroom__seat__subscription__principal__affiliations__school")
        .order_by("-erased_at", "-pk")
    )
    led_ids = set(DeletionCertificate.objects.filter(led_schools, **condition).values_list("pk", flat=True))
    return [ReadableCertificate(one, one.teacher_id == user.pk or one.pk in led_ids) for one in certificates]


def render_pdf(readable: ReadableCertificate) -> HttpResponse:
    """Return the certificate as a PDF response."""
    one = readable.certificate
    # Importing fpdf takes 0.5 s, and the workers' e-mails need only the texts of this module.
    from core.documents import PdfDocument  # noqa: PLC0415

    page = PdfDocument(title=f"{TITLE} {one.number}", at=one.erased_at, margin=25)
    page.add_page()
    page.write_paragraph("Pep’s", size=20, bold=True, after=0)
    page.write_paragraph("Parcours d’entraînement personnalisés", size=10, after=14)
    page.write_paragraph(TITLE, size=18, bold=True, after=8)
    for label, value in readable.content_lines:
        top = page.get_y()
        page.set_text_size(11)
        page.cell(62, 7, label)
        page.set_xy(page.l_margin + 62, top)
        page.write_paragraph(value, bold=True, after=2.5)
    page.ln(6)
    for paragraph in STATEMENT:
        page.write_paragraph(paragraph, after=4)
    page.ln(4)
    page.write_paragraph("Éditions Belin, 8, rue Férou, 75278 Paris Cedex 06", size=9, after=0)
    return page.answer(f"certificat-{one.number}.pdf")


#: What letters say, by who reads them and when they leave.
type _Recipients = dict[tuple[User, datetime.datetime], list[int]]


ERASED = "class.pupils_erased"
WARNED = "class.erasure_announced"

#: How long before the erasure teachers are warned.
WARNING_LEAD_TIME = datetime.timedelta(days=30)
#: Classes per transaction (some thousands of pupils), to keep transactions short.
BATCH_SIZE = 200

# Counts the deleted rows themselves: a separate count could be outdated by another transaction.
_ERASE_SQL = """
WITH tickets AS (
    DELETE FROM classes_entryticket AS ticket USING classes_pupilaccount AS pupil
    WHERE ticket.pupil_id = pupil.id AND pupil.classroom_id = ANY(%(classes)s)
), origins AS (
    DELETE FROM accounts_knownorigin AS origin USING classes_pupilaccount AS pupil
    WHERE origin.owner = 'pupil:' || pupil.id AND pupil.classroom_id = ANY(%(classes)s)
), networks AS (
    DELETE FROM accounts_knownorigin WHERE owner = ANY(SELECT 'class:' || id FROM unnest(%(classes)s::bigint[]) AS id)
), erased AS (
    DELETE FROM classes_pupilaccount WHERE classroom_id = ANY(%(classes)s) RETURNING classroom_id, created_at
)
SELECT classroom_id, count(*), min(created_at) FROM erased GROUP BY classroom_id
"""


class _ErasedPupils(NamedTuple):
    pupils: int
    first_created_at: datetime.datetime


def get_retention() -> datetime.timedelta:
    """Return the retention of pupils after the last day of their licence."""
    return datetime.timedelta(days=settings.PUPILS_KEPT_DAYS)


def get_erasure_date(last_day: datetime.date) -> datetime.date:
    """Return the day on which pupils are erased: the first after the retention."""
    return last_day + get_retention() + datetime.timedelta(days=1)


def warn_teachers(*, at: datetime.datetime) -> int:
    """Warn teachers whose pupils will be erased within a month, once; return how many classes."""
    return _run_batches(warn_batch, at) if _has_ended(*_get_warned_period(at)) else 0


def erase_pupils(*, at: datetime.datetime) -> int:
    """Erase the pupils whose retention has passed; return how many classes."""
    return _run_batches(erase_batch, at) if _has_ended(datetime.date.min, date_in_paris(at) - get_retention()) else 0


@transaction.atomic
def warn_batch(*, at: datetime.datetime) -> int:
    """Warn the teachers of a batch of classes, and return how many classes.

    The teacher is warned; where the seat has no holder, the principal of the subscription.
    """
    first, end = _get_warned_period(at)
    classes = _lock_batch(
        Exists(PupilAccount.objects.filter(classroom=OuterRef("pk"))),
        warned_at__isnull=True,
        seat__subscription__key__entitlement__last_day__gte=first,
        seat__subscription__key__entitlement__last_day__lt=end,
    )
    Classroom.objects.filter(pk__in=[classroom.pk for classroom in classes]).update(warned_at=at)
    moments = _find_moments(classes, at)
    recipients: _Recipients = defaultdict(list)
    for classroom in classes:
        # Whatever the calendar says, well before the erasure.
        moment = min(moments[classroom.pk], at + WARNING_LEAD_TIME / 2)
        recipients[classroom.seat.holder or classroom.seat.subscription.principal, moment].append(classroom.pk)
    _queue_emails(WARNED, "classrooms", recipients, at)
    return len(classes)


@transaction.atomic
def erase_batch(*, at: datetime.datetime) -> int:
    """Erase the pupils of a batch of classes, issue certificates, queue e-mails; return how many classes."""
    ended = _lock_batch(seat__subscription__key__entitlement__last_day__lt=date_in_paris(at) - get_retention())
    classes = {classroom.pk: classroom for classroom in ended}
    erased = _delete_pupils(list(classes))
    Classroom.objects.filter(pk__in=classes).update(purged_at=at)
    PupilHandover.objects.filter(classroom__in=classes, ended_at__isnull=True).update(
        ended_at=at, outcome=HandoverOutcome.EXPIRED, sealed_code=None, sealed_under=None
    )
    # A class without pupils gets no certificate.
    certificates = _create_certificates({classes[pk]: counts for pk, counts in erased.items()}, at)
    moments = _find_moments([one.classroom for one in certificates], at)
    _queue_emails(ERASED, "certificates", _list_recipients(certificates, moments), at)
    return len(classes)


def _lock_batch(*conditions: Exists, **values: Any) -> list[Classroom]:
    """Lock and return a batch of classes that are not erased, by school: a principal gets one e-mail for all."""
    return list(
        Classroom.objects.filter(*conditions, purged_at__isnull=True, **values)
        .select_related(
            "seat__holder",
            "seat__subscription__principal",
            "seat__subscription__school",
            "seat__subscription__key__entitlement",
        )
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .order_by("seat__subscription__school", "pk")[:BATCH_SIZE]
    )


def _get_warned_period(at: datetime.datetime) -> tuple[datetime.date, datetime.date]:
    """Return the last days of licences whose pupils' teachers are to be warned: from the first to before the second."""
    day = date_in_paris(at)
    first = day - get_retention()
    return first, min(day, first + WARNING_LEAD_TIME)


def _has_ended(first: datetime.date, end: datetime.date) -> bool:
    """Whether licences had their last day in this period: on most days no class is looked at."""
    return Entitlement.objects.filter(last_day__gte=first, last_day__lt=end).exists()


def _run_batches(process_batch: Callable[..., int], at: datetime.datetime) -> int:
    total = 0
    while done := process_batch(at=at):
        total += done
    return total


def _delete_pupils(classes: Collection[int]) -> dict[int, _ErasedPupils]:
    with connection.cursor() as cursor:
        cursor.execute(_ERASE_SQL, {"classes": list(classes)})
        return {number: _ErasedPupils(pupils, first) for number, pupils, first in cursor.fetchall()}


def _create_certificates(erased: Mapping[Classroom, _ErasedPupils], at: datetime.datetime) -> list[DeletionCertificate]:
    numbers = reserve_ids(DeletionCertificate._meta.db_table, len(erased))  # noqa: SLF001 - documented
    year = date_in_paris(at).year
    return DeletionCertificate.objects.bulk_create(
        DeletionCertificate(
            pk=number,
            number=f"EFF-{year}-{number:06d}",
            classroom=classroom,
            pupils=counts.pupils,
            first_created_at=counts.first_created_at,
            licence_ended_on=classroom.seat.subscription.key.entitlement.last_day,
            erased_at=at,
            teacher=classroom.seat.holder,
            school_id=classroom.seat.subscription.school_id,
        )
        for number, (classroom, counts) in zip(numbers, erased.items(), strict=True)
    )


def _find_moments(classes: Collection[Classroom], at: datetime.datetime) -> dict[int, datetime.datetime]:
    """Return by class the moment from `at` on at which one writes to its school."""
    schools = {one.pk: one.seat.subscription.school for one in classes}
    moments = find_writing_moments([school for school in schools.values() if school is not None], at)
    return {number: moments[school.uai] if school else at for number, school in schools.items()}


def _list_recipients(
    certificates: Collection[DeletionCertificate], moments: Mapping[int, datetime.datetime]
) -> _Recipients:
    """Return certificates by recipient and moment: teacher, subscription's principal, verified principals."""
    principals: dict[str, list[User]] = defaultdict(list)
    for affiliation in Affiliation.objects.filter(
        school__in={one.school_id for one in certificates if one.school_id}, verified_at__isnull=False
    ).select_related("user"):
        principals[str(affiliation.school_id)].append(affiliation.user)
    recipients: _Recipients = defaultdict(list)
    for one in certificates:
        people = chain(
            [one.teacher] if one.teacher else [],
            [one.classroom.seat.subscription.principal],
            principals[one.school_id] if one.school_id else [],
        )
        for person in dict.fromkeys(people):
            recipients[person, moments[one.classroom_id]].append(one.pk)
    return recipients


def _queue_emails(kind: str, key: str, recipients: _Recipients, at: datetime.datetime) -> None:
    emails: dict[datetime.datetime, list[NewMessage]] = defaultdict(list)
    for (person, moment), numbers in recipients.items():
        # Closed and erased accounts get no e-mail.
        if person.is_active and person.email:
            context = {"user": person.pk, key: numbers}
            emails[moment].append(NewMessage(kind=kind, recipient=person.email, context=context))
    for moment, due_then in emails.items():
        enqueue_in_portal(due_then, at=at, due_at=moment)
