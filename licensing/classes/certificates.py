"""Deletion certificates: who may read them, and their content, as a page and as a PDF.

Readable by the teacher of the class, the principal whose subscription it was, and verified principals of the school.
A principal who is not verified sees neither the teacher's name nor the name of the class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import Q
from django.http import HttpResponse
from django.utils import timezone

from accounts.models import User
from core.formatting import NO_BREAK_SPACE, number
from licensing.classes import words
from licensing.classes.models import DeletionCertificate
from licensing.entitlements.queries import at_verified_schools
from licensing.entitlements.wording import format_long_date, name_with_commune

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


def list_readable(user: User) -> list[ReadableCertificate]:
    """Return the certificates that a user may read, the newest first."""
    return _list_readable(user, Q())


def list_readable_among(user: User, numbers: Sequence[int]) -> list[ReadableCertificate]:
    """Return those of the given certificates that a user may read, for the e-mail about them."""
    return _list_readable(user, Q(pk__in=numbers))


def find_readable(user: User, pk: int) -> ReadableCertificate | None:
    """Return a certificate, or None where it does not exist or the user may not read it."""
    return next(iter(_list_readable(user, Q(pk=pk))), None)


def _list_readable(user: User, condition: Q) -> list[ReadableCertificate]:
    led_schools = at_verified_schools(user)
    certificates = (
        DeletionCertificate.objects.filter(
            condition, Q(teacher=user) | Q(classroom__seat__subscription__principal=user) | led_schools
        )
        .select_related("classroom__seat__subscription__principal")
        .select_related("teacher", "school")
        .prefetch_related("classroom__seat__subscription__principal__affiliations__school")
        .order_by("-erased_at", "-pk")
    )
    led_ids = set(DeletionCertificate.objects.filter(condition, led_schools).values_list("pk", flat=True))
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
