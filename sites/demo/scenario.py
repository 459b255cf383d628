"""The demo scenario, from a collectivity's spreadsheet to teachers' seats, by the pages' operations.

Each step prints its results, and raises `StepFailed`, `RuleBroken` or `SignUpFailed` where they are not as expected.
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from accounts.known_origins import Origin
from accounts.models import User
from collectivities.capabilities import Role
from collectivities.operations.members import invite
from collectivities.operations.offices import open_office
from collectivities.operations.portfolio import add_to_portfolio
from core.calendar import date_in_paris
from imports import queries as import_queries
from imports.enums import ImportState, Purpose, Verdict
from imports.models import SpreadsheetImport
from imports.operations import apply_rows, upload
from licensing.classes import operations, pupils, words
from licensing.classes.entry_check import check_pupil_entry, check_user_entry
from licensing.classes.pupils import Credential
from licensing.entitlements import operations as subscriptions
from licensing.entitlements.models import Subscription
from licensing.orders.operations import grant
from licensing.pools import operations as pools
from licensing.pools.bulk_views import build_corrections, list_undelivered
from licensing.pools.models import Allocation, Pool
from licensing.pools.positions import list_pool_positions
from licensing.requests.invitations import operations as invitations
from licensing.requests.returns import operations as returns
from licensing.requests.school_requests import operations as requests
from licensing.requests.school_requests.models import LicenceRequest, TeacherRequest
from licensing.requests.school_requests.queries import list_years_to_ask
from licensing.requests.school_requests.wording import describe_asked
from mailing.delivery_reports import DeliveryReport, ReportedFate, record_reports
from mailing.mime import MessageReference, get_timestamp
from mailing.models import Message, MessageState
from mailing.smtp_replies import REPLY_SEPARATOR
from schools.directory.operations import synchronise
from schools.models import School
from sites.audit.checks import check_all
from sites.demo import directory, people
from sites.demo.people import (
    INVITATION,
    INVITED_TEACHER,
    OPERATOR,
    PASSWORD,
    PRINCIPAL,
    SPARING_PRINCIPAL,
    TEACHER_BY_HAND,
    TEACHERS,
)
from sites.demo.processes import wait_for_work
from sites.demo.shop import ShopSteps
from sites.demo.smtp_sink import list_latest
from tenants.models import Collectivity, CollectivityKind

#: How many the school asks for.
UNITS = 2


PUPILS = 24
NAME = "CE1 de Benoît"
#: Of the list: the school whose principal gives licences back.
SPARING_SCHOOL = 7
_UNITS_BACK = 2
#: Of the list: a school whose contact is wrong, and one whose own mailbox refuses.
_LOST = (20, 12)
_REASON = f"Cette adresse n'existe pas : corrigez-la et renvoyez le message.{REPLY_SEPARATOR}550 5.1.1 User unknown"
KEY = re.compile(r"\b[A-Z0-9]{2,10}(?:-[0-9A-Z]{4}){3}\b")
NIMES = {
    "name": "Ville de Nîmes",
    "kind": CollectivityKind.COMMUNE,
    "siren": "213001894",
    "slug": "nimes",
    "key_prefix": "NIMES",
}
GARD = {"name": "Département du Gard", "kind": CollectivityKind.DEPARTEMENT, "siren": "223000019", "slug": "gard",
        "key_prefix": "GARD"}  # fmt: skip
#: Members of each office other than its manager, with their roles.
STAFF = {
    "nimes": {
        "acheteuse": ("Hélène", "Faure", [Role.BUYER]),
        "referent": ("Karim", "Haddad", [Role.DATA_OFFICER]),
        "lectrice": ("Inès", "Garcia", [Role.VIEWER]),
    },
    "gard": {"acheteur": ("Marc", "Vidal", [Role.BUYER])},
}
LICENCES = {"nimes": 400, "gard": 250}


class StepFailed(Exception):
    """The result of a step is not as expected."""


@dataclass
class DemoScenario:
    """One run of the scenario. `print_line` prints a line."""

    print_line: Callable[[str], None]
    offices: dict[str, Collectivity] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    # A pupil's credentials, printed for trying the pupils' pages.
    card: Credential | None = None

    def run(self) -> None:
        """Run the steps in order."""
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("L'annuaire des établissements", self.sync_directory),
            ("Deux collectivités ouvrent leur bureau", self.open_offices),
            ("Des lots de licences leur sont ouverts", self.open_pools),
            ("Nîmes dépose son tableau, le vérifie, l'applique", self.import_spreadsheet),
            ("Les e-mails partent, par un travailleur et un serveur SMTP", self.deliver),
            ("À l'école : la cheffe d'établissement et ses enseignants", self.equip_a_school),
            ("L'école en demande d'autres, sans nommer personne", self.ask_for_licences),
            ("Des adresses sont refusées, des licences reviennent", self.follow_up),
            ("Dans la classe : des comptes élèves", self.open_a_class),
            ("La boutique ouvre, et une cheffe d'établissement achète par carte", self.sell_by_card),
            ("Le Gard achète par mandat administratif, et distribue le jour même", self.sell_by_mandate),
            ("Où est chaque licence", self.add_up),
        )
        for number, (title, step) in enumerate(steps, start=1):
            started = time.monotonic()
            self.print_line(f"\n{number}. {title}")
            step()
            self.print_line(f"   ({time.monotonic() - started:.1f} s)")

    def sync_directory(self) -> None:
        path = settings.DATA / "annuaire.csv"
        written = directory.write_csv(path)
        for _ in range(2):
            report = synchronise(path=path, full=True, accept_closures=False, by=None, at=timezone.now())
        counts = report.counts()
        self._expect(School.objects.count() == written, "toutes les lignes sont devenues des établissements")
        self._expect(counts["unchanged"] == written, "une seconde lecture ne change rien")
        self.print_line(f"   {written} établissements inventés, dans {len(directory.DEPARTEMENTS)} départements.")
        self.print_line(f"   Relu une seconde fois : {counts['added']} ajouté, {counts['changed']} modifié.")

    def open_offices(self) -> None:
        people.create_operator(password=PASSWORD)
        for collectivity, username, first_name in ((NIMES, "nora", "Nora"), (GARD, "gilles", "Gilles")):
            email = f"{username}@{collectivity['slug']}-demo.example"
            contact = {"contact_name": f"{first_name} Delmas", "contact_phone": "04 66 00 00 00"}
            office = open_office(**collectivity, **contact, manager_email=email, by=None, at=timezone.now())
            self.offices[office.slug] = office
            self._join(office, email, username, first_name, "Delmas")
            self.print_line(f"   {office.name} : {office.slug}.{settings.BASE_DOMAIN}, gestionnaire « {username} ».")
        for slug, staff in STAFF.items():
            for username, (first_name, last_name, roles) in staff.items():
                email = f"{username}@{slug}-demo.example"
                with tenant_context(self.offices[slug]):
                    invite(email=email, roles=roles, by=None, at=timezone.now())
                self._join(self.offices[slug], email, username, first_name, last_name)
            self.print_line(f"   {self.offices[slug].name}, invités par e-mail : {', '.join(staff)}.")
        self._fill_portfolio(self.offices["nimes"], commune="Nîmes")
        self._fill_portfolio(self.offices["gard"], commune="Alès")

    def open_pools(self) -> None:
        for slug, licences in LICENCES.items():
            office = self.offices[slug]
            self.pools[slug] = grant(
                collectivity=office,
                licences=licences,
                reason="Démonstration : dotation de l'année",
                by=User.objects.get(username=OPERATOR.username),
                at=timezone.now(),
            )
            self.print_line(f"   {office.name} : {licences} licences, avec leur ligne de commande et son motif.")

    def import_spreadsheet(self) -> None:
        path = settings.DATA / "dotation-nimes.xlsx"
        directory.write_workbook(path)
        manager = User.objects.get(username="nora")
        with tenant_context(self.offices["nimes"]):
            spreadsheet_import = upload.upload(
                purpose=Purpose.ALLOCATION,
                pool_id=self.pools["nimes"].pk,
                volume="",
                filename=path.name,
                content=path.read_bytes(),
                units_for_all=None,
                by=manager,
                at=timezone.now(),
            )
            wait_for_work(
                lambda: self._get_state(spreadsheet_import) == ImportState.CHECKED, "le tableau est lu et vérifié"
            )
            counts = import_queries.count_verdicts([spreadsheet_import.pk])[spreadsheet_import.pk]
            self.print_line(
                f"   {path.name} : {sum(counts.values())} lignes d'écoles ; {counts.get(Verdict.NEW, 0)} à donner, "
                f"{counts.get(Verdict.ERROR, 0)} à corriger, {counts.get(Verdict.IGNORED, 0)} ignorées."
            )
            self._expect(not Allocation.objects.exists(), "rien n'est attribué avant l'accord du gestionnaire")
            spreadsheet_import.refresh_from_db()
            apply_rows.confirm(
                import_id=spreadsheet_import.pk,
                digest=import_queries.compute_digest(spreadsheet_import),
                send_on=None,
                only_valid=True,
                by=manager,
                at=timezone.now(),
            )
            wait_for_work(lambda: self._get_state(spreadsheet_import) == ImportState.APPLIED, "le tableau est appliqué")
            allocated = Allocation.objects.count()
        self._expect(allocated > 0, "des écoles ont reçu des licences")
        self.print_line(f"   Appliqué : {allocated} écoles ont chacune une clé.")

    def deliver(self) -> None:
        with tenant_context(self.offices["gard"]):
            for school in School.objects.filter(commune="Alès", has_elementary=True).order_by("uai")[:5]:
                pools.allocate(
                    pool_id=self.pools["gard"].pk,
                    uai=school.uai,
                    units=4,
                    recipient=school.email,
                    by=User.objects.get(username="gilles"),
                    at=timezone.now(),
                )
        self.print_line("   Le Gard attribue à 5 écoles, une à une, par le formulaire.")
        for office in self.offices.values():
            with tenant_context(office):
                wait_for_work(
                    lambda: not Message.objects.exclude(state=MessageState.SENT).exists(),
                    "tous les e-mails sont partis",
                )
                sent = Message.objects.filter(state=MessageState.SENT).count()
            self.print_line(f"   {office.name} : {sent} e-mails acceptés par le serveur SMTP.")

    def equip_a_school(self) -> None:
        uai = directory.list_eligible_schools()[0]["Identifiant_de_l_etablissement"]
        school = School.objects.get(pk=uai)
        principal = people.sign_up(PRINCIPAL, {"uai": uai}, self._wait_for_email)
        teachers = [people.sign_up(teacher, {"uai": uai}, self._wait_for_email) for teacher in TEACHERS]
        typed = {
            "not_listed": "on",
            "school_name": school.name.upper(),
            "address": school.address,
            "postal_code": school.postal_code,
            "city": school.commune,
            "country": "France",
        }
        by_hand = people.sign_up(TEACHER_BY_HAND, typed, self._wait_for_email)
        self.print_line(f"   Inscrits par les pages du portail : {principal}, {teachers[0]}, {teachers[1]}, {by_hand}.")
        code = self._read_key_from_email(school.email)
        subscription = subscriptions.redeem(code=code, by=principal, at=timezone.now())
        self._check_held(subscription, 0, f"{principal} active la clé reçue à {school.email}")
        self._expect(
            principal.affiliations.filter(school_id=uai, verified_at__isnull=False).exists(),
            "la clé reçue à l'adresse officielle vérifie la cheffe d'établissement",
        )
        subscriptions.assign(subscription_id=subscription.pk, teacher=teachers[0], by=principal, at=timezone.now())
        self._check_held(subscription, 1, f"{principal} attribue une clé à {teachers[0]}, en un clic")
        subscriptions.claim(code=code.lower().replace("-", " "), by=by_hand, at=timezone.now())
        self._check_held(
            subscription, 2, f"{by_hand}, qui a écrit son école à la main, saisit la même clé en minuscules"
        )
        self._invite_a_teacher(subscription, principal)

    def _invite_a_teacher(self, subscription: Subscription, principal: User) -> None:
        """Invite a teacher who waits in the demo, so that their letter can be opened."""
        invitations.invite_teachers(
            subscription_id=subscription.pk,
            addresses=f"{INVITED_TEACHER.first_name} {INVITED_TEACHER.last_name} <{INVITED_TEACHER.email}>",
            by=principal,
            at=timezone.now(),
        )
        self._expect(INVITATION.search(self._wait_for_email(INVITED_TEACHER.email)) is not None, "la lettre a un lien")
        self._expect(subscription.seats.reserved().count() == 1, "une licence est réservée")
        self.print_line(f"   {principal} invite {INVITED_TEACHER.email} : une licence attend sa réponse.")

    def ask_for_licences(self) -> None:
        """Have the teacher ask the principal, and the principal the collectivity, without the teacher's name."""
        principal, teacher = (User.objects.get(username=one.username) for one in (PRINCIPAL, TEACHERS[1]))
        office, now = self.offices["nimes"], timezone.now()
        uai = principal.affiliations.values_list("school", flat=True).get()
        requests.ask_principal(uai=uai, by=teacher, at=now)
        self._expect(TeacherRequest.objects.pending().count() == 1, "la demande de l'enseignante attend sa direction")
        self.print_line(f"   {teacher} demande une licence à {principal}, qui le voit à côté de son nom.")
        request = requests.ask_collectivity(
            uai=uai,
            collectivity_id=office.pk,
            school_year=list_years_to_ask(date_in_paris(now))[0],
            units=UNITS,
            reason="Deux classes de plus à la rentrée de janvier.",
            by=principal,
            at=now,
        )
        self._expect(LicenceRequest.objects.pending().count() == 1, "la demande de l'école attend la collectivité")
        asked = describe_asked(request)
        self.print_line(f"   {principal} demande {asked} : {office.name} la trouve sous « Demandes ».")

    def follow_up(self) -> None:
        """Have a principal give licences back, and the servers of two schools refuse the address of the key."""
        office, eligible, now = self.offices["nimes"], directory.list_eligible_schools(), timezone.now()
        uai, mailbox = (eligible[SPARING_SCHOOL][name] for name in ("Identifiant_de_l_etablissement", "Mail"))
        principal = people.sign_up(SPARING_PRINCIPAL, {"uai": uai}, self._wait_for_email)
        subscription = subscriptions.redeem(code=self._read_key_from_email(mailbox), by=principal, at=now)
        done = returns.give_back(subscription_id=subscription.pk, units=_UNITS_BACK, by=principal, at=now)
        self._expect(done.left == subscription.size - _UNITS_BACK, "les licences rendues quittent la clé")
        self.print_line(
            f"   {principal} active une clé et rend {_UNITS_BACK} licences : {office.name} les a de nouveau."
        )
        uais = [eligible[index]["Identifiant_de_l_etablissement"] for index in _LOST]
        with tenant_context(office):
            for message in Message.objects.filter(about__regex=rf"\(({'|'.join(uais)})\)"):
                reference = MessageReference(office.schema_name, message.pk, get_timestamp(message))
                report = DeliveryReport(reference, ReportedFate.BOUNCED, _REASON, (message.recipient,))
                record_reports([report], at=now)
            corrections = build_corrections(list(list_undelivered(now)))
        self._expect(len(corrections) == len(_LOST), "deux clés ne sont pas arrivées")
        proposed = [correction.proposed for correction in corrections if correction.proposed]
        self._expect(len(proposed) == 1, "une adresse est proposée")
        self.print_line(f"   Deux adresses sont refusées : « Adresses à corriger » propose {proposed[0]} pour l'une.")

    def open_a_class(self) -> None:
        """Open the class of the teacher's seat, add pupils, sign the first one in, and check access."""
        teacher, now = User.objects.get(username=TEACHERS[0].username), timezone.now()
        classroom = operations.open_class(seat_id=teacher.seats.get().pk, by=teacher, name=NAME, at=now)
        created = pupils.add_pupils(classroom_id=classroom.pk, count=PUPILS, by=teacher, at=now)
        first = created[0]
        # As their cards show them.
        self.card = card = first._replace(login=words.spell(first.login), password=words.spell(first.password))
        typed = card.login.replace("-", " ").upper()
        pupil, _ = operations.sign_in(login=typed, password=card.password, origin=Origin("127.0.0.1"), at=now)
        entry = check_pupil_entry(pupil.pk, at=now)
        self._expect(len({one.login for one in created}) == PUPILS, "chaque élève a son identifiant")
        self._expect(
            check_user_entry(teacher.pk, at=now).allowed and entry.allowed, "l'enseignant et l'élève peuvent entrer"
        )
        self.print_line(f"   {teacher} ouvre « {NAME} » et crée {PUPILS} comptes élèves, sans aucun nom.")
        self.print_line(f"   L'élève n° 1 se connecte : « {card.login} », mot de passe « {card.password} ».")
        self.print_line(f"   L'application peut les laisser entrer jusqu'au {entry.until:%d/%m/%Y}.")

    def sell_by_card(self) -> None:
        now = timezone.now()
        self._build_shop().open(now)
        self._build_shop().sell_by_card(User.objects.get(username=PRINCIPAL.username), now)

    def sell_by_mandate(self) -> None:
        self._build_shop().sell_by_mandate(
            self.offices["gard"],
            buyer=User.objects.get(username="acheteur"),
            manager=User.objects.get(username="gilles"),
            operator=User.objects.get(username=OPERATOR.username),
            now=timezone.now(),
        )

    def add_up(self) -> None:
        check_result(self.offices.values(), self.print_line)

    def _build_shop(self) -> ShopSteps:
        return ShopSteps(self.print_line, self._expect)

    def _join(self, office: Collectivity, email: str, username: str, first_name: str, last_name: str) -> None:
        """Create an account from the link of the invitation e-mail."""
        names = {"username": username, "first_name": first_name, "last_name": last_name}
        people.join_by_letter(self._wait_for_email(email), office, at=timezone.now(), **names)

    def _fill_portfolio(self, office: Collectivity, *, commune: str) -> None:
        uais = list(School.objects.filter(commune=commune, type="Ecole").values_list("uai", flat=True))
        with tenant_context(office):
            add_to_portfolio(uais=uais, by=None, at=timezone.now())
        self.print_line(f"   {office.name} : {len(uais)} écoles dans le périmètre.")

    def _wait_for_email(self, email: str) -> str:
        """Wait for the e-mail to an address, and return its text."""
        folder = settings.DATA / "mail"
        wait_for_work(lambda: bool(list_latest(folder, limit=1, recipient=email)), f"un e-mail arrive à {email}")
        return list_latest(folder, limit=1, recipient=email)[0].text

    def _read_key_from_email(self, email: str) -> str:
        key = KEY.search(self._wait_for_email(email))
        if key is None:
            raise StepFailed(f"L'e-mail reçu par {email} ne contient pas de clé.")
        return key[0]

    def _check_held(self, subscription: Subscription, held: int, action: str) -> None:
        """Check the number of held seats, and print it."""
        subscription.refresh_from_db()
        found = subscription.seats.held().count()
        self._expect(
            (found, subscription.size) == (held, directory.FOLLOWED_SCHOOL_UNITS),
            f"le compteur indique {held}/{directory.FOLLOWED_SCHOOL_UNITS} et non {found}/{subscription.size}",
        )
        self.print_line(f"   {action} : {found}/{subscription.size}.")

    def _get_state(self, spreadsheet_import: SpreadsheetImport) -> str:
        state = SpreadsheetImport.objects.values_list("state", flat=True).get(pk=spreadsheet_import.pk)
        if state == ImportState.REJECTED:
            raise StepFailed(SpreadsheetImport.objects.get(pk=spreadsheet_import.pk).refusal)
        return str(state)

    def _expect(self, condition: bool, description: str) -> None:  # noqa: FBT001 - like an assertion
        if not condition:
            raise StepFailed(f"Attendu : {description}.")


class RuleBroken(Exception):
    """The licences of a pool do not add up, or the audit found something."""


def check_result(offices: Iterable[Collectivity], print_line: Callable[[str], None]) -> None:
    """Print where each licence is, and how many rules hold. Raises `RuleBroken`."""
    for office in offices:
        with tenant_context(office):
            for position in list_pool_positions():
                if not position.is_balanced:
                    raise RuleBroken(f"Le compte du lot « {position.name} » de {office.name} ne tombe pas juste.")
                print_line(
                    f"   {office.name}, {position.name} : {position.bought} achetées = {position.free} libres "
                    f"+ {position.issued} non activées + {position.redeemed_free} activées, non utilisées "
                    f"+ {position.held} utilisées."
                )
    findings = check_all()
    if broken := [f"{finding.rule} : {'; '.join(finding.examples)}" for finding in findings if finding.broken]:
        raise RuleBroken("\n".join(broken))
    print_line(f"   audit : {len(findings)} règles vérifiées sur toutes les collectivités, aucune rompue.")


def list_unsent_messages() -> list[str]:
    """Return the state of unsent messages in the portal's outbox, for debugging."""
    with schema_context("public"):
        unsent = Message.objects.exclude(state=MessageState.SENT).exclude(state=MessageState.CANCELLED)
        return [f"{message.recipient} : {message.get_state_display()} {message.reason}" for message in unsent[:10]]
