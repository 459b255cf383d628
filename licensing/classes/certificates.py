"""Certificates of deletion: who may read one, and what it says, on the page and on paper.

The teacher of the class, the principal whose subscription it was, and whoever is verified to lead the school. A
principal who is not verified learns no teacher's name here either, nor what the teacher called his class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q
from django.utils import timezone

from licensing.classes.models import DeletionCertificate
from licensing.subscriptions.queries import verified_schools
from licensing.subscriptions.wording import on_day, the_school
from web.typography import NO_BREAK_SPACE, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse

    from accounts.models import User

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


class Readable(NamedTuple):
    """A certificate, and whether its reader may be told who taught the class and how it was called."""

    certificate: DeletionCertificate
    named: bool

    @property
    def the_class(self) -> str:
        classroom = self.certificate.classroom
        return f"{classroom.name} ({classroom.code})" if self.named else classroom.code

    @property
    def the_school(self) -> str:
        school = self.certificate.school
        if school is None:
            # Typed by hand, as the principal's account says it.
            principal = self.certificate.classroom.seat.subscription.principal
            return next((str(typed) for typed in principal.affiliations.all()), str(principal))
        return f"{the_school(school)}, UAI{NO_BREAK_SPACE}{school.uai}"

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Return what it says, line by line."""
        one = self.certificate
        teacher = one.teacher.get_full_name() if one.teacher and self.named else ""
        erased = timezone.localtime(one.erased_at)
        lines = [
            ("Certificat", f"n°{NO_BREAK_SPACE}{one.number}"),
            ("Établissement", self.the_school),
            ("Classe", self.the_class),
            ("Enseignant", teacher),
            ("Licence terminée le", on_day(one.licence_ended_on)),
            ("Premier compte créé le", on_day(one.created_first) if one.created_first else ""),
            ("Comptes élèves effacés", number(one.pupils)),
            ("Effacés le", f"{on_day(one.erased_at)} à {erased:%H}{NO_BREAK_SPACE}h{NO_BREAK_SPACE}{erased:%M}"),
        ]
        return [(label, said) for label, said in lines if said]


def readable_by(user: User) -> list[Readable]:
    """Return the certificates that somebody may read, the newest first."""
    return _readable(user, Q())


def readable_among(user: User, numbers: Sequence[int]) -> list[Readable]:
    """Return those of some certificates that somebody may read: for the letter that tells him of them."""
    return _readable(user, Q(pk__in=numbers))


def find(user: User, pk: int) -> Readable | None:
    """Return one of them; None where there is none, or none for him."""
    return next(iter(_readable(user, Q(pk=pk))), None)


def _readable(user: User, which: Q) -> list[Readable]:
    led = verified_schools(user)
    certificates = (
        DeletionCertificate.objects.filter(
            which, Q(teacher=user) | Q(classroom__seat__subscription__principal=user) | led
        )
        .select_related("classroom__seat__subscription__principal")
        .select_related("teacher", "school")
        .prefetch_related("classroom__seat__subscription__principal__affiliations__school")
        .order_by("-erased_at", "-pk")
    )
    of_led_schools = set(DeletionCertificate.objects.filter(which, led).values_list("pk", flat=True))
    return [Readable(one, one.teacher_id == user.pk or one.pk in of_led_schools) for one in certificates]


def printed(readable: Readable) -> HttpResponse:
    """Return the certificate as a page to print and keep."""
    one = readable.certificate
    # Its fonts' library takes half a second to load, and the e-mails of every worker come by here for the words alone.
    from web.pdf import Document  # noqa: PLC0415

    page = Document(title=f"{TITLE} {one.number}", at=one.erased_at, margin=25)
    page.add_page()
    page.line_of("Pep’s", size=20, bold=True, after=0)
    page.line_of("Parcours d’entraînement personnalisés", size=10, after=14)
    page.line_of(TITLE, size=18, bold=True, after=8)
    for label, said in readable.facts:
        top = page.get_y()
        page.write_in(11)
        page.cell(62, 7, label)
        page.set_xy(page.l_margin + 62, top)
        page.line_of(said, bold=True, after=2.5)
    page.ln(6)
    for paragraph in STATEMENT:
        page.line_of(paragraph, after=4)
    page.ln(4)
    page.line_of("Éditions Belin, 8, rue Férou, 75278 Paris Cedex 06", size=9, after=0)
    return page.answer(f"certificat-{one.number}.pdf")
