"""Where a credential is asked for: each door is tried with what the database holds for it, then with the right one."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.http import int_to_base36
from standardwebhooks import Webhook, WebhookVerificationError

from accounts import second_factor
from accounts.known_origins import Origin
from accounts.models import User
from accounts.second_factor import EnrolmentCodeError
from tests.access.stolen_copy.database_dump import Cell, list_words
from tests.access.stolen_copy.secret_world import SecretWorld
from tests.classes.class_rows import create_taught_class
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory
from tests.host_client import HostClient

OFFICE = f"nimes.{settings.BASE_DOMAIN}"
APPLICATION_API = "/api/application/v1/entry"
#: A page that is open to whoever has a session: at the portal, at the office, for a pupil.
SIGNED_IN_PAGES = ((settings.BASE_DOMAIN, "/securite/"), (OFFICE, "/"), (settings.BASE_DOMAIN, "/eleve/classe/"))

_addresses = (f"198.51.{high}.{low}" for high, low in itertools.product(range(256), range(1, 255)))


@dataclass(frozen=True)
class Door:
    """A way in."""

    name: str
    #: Tables with what it checks, or one column of a table.
    tables: tuple[str, ...]
    #: Whether it opens to a value.
    opens: Callable[[str], bool]
    #: What it must open to, or the door is not the real one.
    keys: tuple[str, ...]

    def list_values(self, cells: list[Cell]) -> list[str]:
        """Return the values of the dump to try."""
        chosen = {text for table, column, text in cells if {table, f"{table}.{column}"} & set(self.tables)}
        return sorted({word for text in chosen for word in list_words(text)})


def list_doors(world: SecretWorld) -> list[Door]:
    """Return every door, with the right credentials of the world."""
    thief = Thief(world)
    return [
        # First: a ticket and the link of a visit last a minute.
        Door("ticket", ("classes_entryticket",), thief.spends_ticket, (world.ticket,)),
        Door("visit", ("accounts_session",), thief.visits, (world.visit,)),
        Door("application", ("classes_applicationtoken",), thief.asks_as_application, (world.application,)),
        Door("API", ("api_token", "api_idempotencyrecord"), thief.asks_as_program, (world.token,)),
        Door("session", ("accounts_session",), thief.is_signed_in, tuple(world.open_sessions)),
        Door("password", ("accounts_user.password",), thief.signs_in, (world.get("password of operator"),)),
        Door("pupil", ("classes_pupilaccount.password",), thief.signs_in_as_pupil, (world.pupil.password,)),
        Door("pupil's code", ("classes_pupilhandover",), thief.receives_pupil, (world.pupil_code,)),
        # Before the key, which is redeemed at the next door.
        Door("mailbox", ("accounts_session", "entitlements_activationkey"), thief.proves_mailbox, (world.proof,)),
        Door("key", ("entitlements_activationkey",), thief.redeems, (world.unredeemed, world.unsent)),
        Door("invitation", ("collectivities_invitation",), thief.joins, (world.invitation,)),
        Door(
            "teacher's invitation",
            ("invitations_teacherinvitation",),
            thief.begins_as_teacher,
            (world.teacher_invitation,),
        ),
        Door("hand-over", ("schools_principalrequest",), thief.takes_school_over, (world.handover,)),
        Door("reset", ("accounts_user.password",), thief.resets_password, (world.get("reset link, unopened"),)),
        Door("second factor", ("accounts_enrolmentcode",), thief.enrols, (world.enrolment,)),
        Door("webhook", ("webhooks_webhookendpoint",), thief.signs_events, (world.webhook,)),
    ]


def browse(host: str = settings.BASE_DOMAIN) -> HostClient:
    """Return a browser at an address of its own: limits by network would hide what a door answers."""
    return HostClient(host, REMOTE_ADDR=next(_addresses))


class Thief:
    """Somebody with a value, and with whatever the database tells in clear."""

    def __init__(self, world: SecretWorld) -> None:
        self.world = world

    def is_signed_in(self, value: str) -> bool:
        """The value as a session's cookie."""
        for host, path in SIGNED_IN_PAGES:
            browser = browse(host)
            browser.cookies[settings.SESSION_COOKIE_NAME] = value
            if browser.get(path).status_code == 200:
                return True
        return False

    def signs_in(self, value: str) -> bool:
        """The value as the password of the operator, and of the account that holds it."""
        owners = User.objects.filter(Q(username="exploitante") | Q(password__contains=value))
        forms = [{"login": owner.username, "password": value} for owner in owners]
        return any(browse().post("/connexion/", form).status_code == 302 for form in forms)

    def signs_in_as_pupil(self, value: str) -> bool:
        form = {"login": self.world.pupil.login, "password": value}
        return browse().post("/eleve/", form).status_code == 302

    def receives_pupil(self, value: str) -> bool:
        """The value as the code of a pupil, typed by a colleague of the school."""
        classroom = create_taught_class(pupils=0, school=self.world.school)
        browser = browse()
        browser.force_login(classroom.seat.holder)
        return browser.post(f"/mes-classes/{classroom.pk}/recevoir/", {"code": value}).status_code == 200

    def proves_mailbox(self, value: str) -> bool:
        """The value as the token of the letter, by somebody who knows the key itself."""
        browser = browse()
        browser.post("/cle/ouvrir/", {"cle": self.world.unredeemed, "jeton": value})
        return "Créer mon compte et activer" in browser.get("/cle/").content.decode()

    def asks_as_program(self, value: str) -> bool:
        headers = {"Authorization": f"Bearer {value}"}
        return browse(OFFICE).get("/api/v1/schools", headers=headers).status_code == 200

    def asks_as_application(self, value: str) -> bool:
        return self._ask_application(token=value, ticket="x") == 404

    def spends_ticket(self, value: str) -> bool:
        return self._ask_application(token=self.world.application, ticket=value) == 200

    def _ask_application(self, *, token: str, ticket: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        asked = {"ticket": ticket}
        return browse().post(APPLICATION_API, asked, content_type="application/json", headers=headers).status_code

    def redeems(self, value: str) -> bool:
        """The value as a key, typed by principals of the schools."""
        user = PrincipalFactory()
        for school in self.world.schools:
            AffiliationFactory(user=user, school=school)
        browser = browse()
        browser.force_login(user)
        return browser.post("/mon-compte/cle/", {"cle": value}).status_code == 302

    def visits(self, value: str) -> bool:
        return browse(OFFICE).get(f"/visite/{quote(value, safe='')}/").status_code == 302

    def joins(self, value: str) -> bool:
        return browse(OFFICE).post("/invitation/", {"jeton": value}).status_code == 302

    def begins_as_teacher(self, value: str) -> bool:
        return browse().post("/invitation/", {"jeton": value}).status_code == 302

    def takes_school_over(self, value: str) -> bool:
        return browse().post("/direction/", {"jeton": value}).status_code == 302

    def resets_password(self, value: str) -> bool:
        account = int_to_base36(User.objects.get(username="oubli-unopened").pk)
        return browse().post("/mot-de-passe/nouveau/", {"jeton": f"{account}-{value}"}).status_code == 302

    def enrols(self, value: str) -> bool:
        """The value as the code of the server, typed by who has a new operator's password."""
        try:
            second_factor.redeem(user=self.world.newcomer, code=value, origin=Origin("192.0.2.1"), at=timezone.now())
        except EnrolmentCodeError:
            return False
        return True

    def signs_events(self, value: str) -> bool:
        """The value as the secret under which the receiver's events are signed."""
        event = self.world.receiver.received[0]
        try:
            return bool(Webhook(value).verify(event.body, event.headers))
        except (WebhookVerificationError, ValueError):
            return False
