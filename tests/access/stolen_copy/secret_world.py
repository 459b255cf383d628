"""A collectivity with every kind of secret in use, made through pages, the API and the worker as people use them.

A new kind of secret is used here, added by `keep`, and tried at a door of its own in `doors`.
"""

import datetime
import re
import uuid
from typing import NamedTuple

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from accounts import second_factor
from accounts.known_origins import COOKIE_NAME
from accounts.models import User
from collectivities.capabilities import Role
from collectivities.models import Invitation
from licensing.classes import tokens as application_tokens
from licensing.entitlements.models import ActivationKey, Seat, Subscription
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools.models import Allocation
from licensing.requests.invitations import operations as invitations
from schools.models import School
from tenants.models import Collectivity
from tests.accounts.emails import answer_resets, find_link
from tests.api.client import ApiClient
from tests.emails import list_emails, render_email
from tests.factories.accounts import OperatorFactory, TeacherFactory, enable_second_factor, get_totp_code
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.host_client import HostClient
from tests.schools.principals import create_principal, get_token
from tests.smtp_sink import RecordingSink
from tests.waits import LAST_S
from tests.webhooks.receiver import Receiver
from tests.workers import running_worker

_API_TOKEN = re.compile(r"peps_api_[\w-]{43}")
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")
_TOTP_SECRET = re.compile(r'second-factor-secret">([A-Z2-7 ]+)<')
_KEY_LINK = re.compile(r"/cle/#cle=([\w-]+)&jeton=(\S+)")
_VISIT = re.compile(r"/visite/([a-z0-9]+)/")
_PUPIL_CODE = re.compile(r"<code>([0-9A-Z]{4}-[0-9A-Z]{4})</code>")
_PUPIL = re.compile(r'name="etat" value="([0-9a-f]+)"')


class Secret(NamedTuple):
    """A secret in clear, and what it is."""

    name: str
    text: str
    #: Digits alone may stand within a longer number by chance.
    stands_alone: bool = False


class SecretWorld:
    """Nîmes and the portal; `secrets` holds what people, programs and mailboxes know."""

    def __init__(self, collectivity: Collectivity, sink: RecordingSink, receiver: Receiver) -> None:
        self.collectivity, self.sink, self.receiver = collectivity, sink, receiver
        self.secrets = [Secret("SECRET_KEY", settings.SECRET_KEY)]
        self.secrets += [Secret("a sealing key", key.partition(":")[2]) for key in settings.SEALING_KEYS]
        self.school, *_ = self.schools = [SchoolFactory() for _ in range(3)]
        #: What the worker logged.
        self.log = ""

    def keep(self, name: str, text: str, *, stands_alone: bool = False) -> str:
        """Add a secret; return its text."""
        self.secrets.append(Secret(name, text, stands_alone))
        return text

    def get(self, name: str) -> str:
        """Return the secret of a name. Raises `StopIteration`."""
        return next(secret.text for secret in self.secrets if secret.name == name)

    @property
    def open_sessions(self) -> list[str]:
        """The cookies that are signed in when the copy is taken."""
        people = ("operator with second factor", "manager who confirmed", "principal", "teacher", "pupil", "visit")
        return [self.get(f"session of {name}") for name in people]

    def fill(self) -> None:
        """Use everything that is secret."""
        self.sign_operator_in()
        self.work_at_the_office()
        self.allocate_keys()
        self.redeem_and_lead()
        self.teach()
        self.invite_teachers()
        self.forget_a_password()
        self.run_worker()
        self.open_a_letter()
        self.queue_one_more_key()
        self.visit_the_office()
        self.enter_the_application()

    # --- Accounts -----------------------------------------------------------------------------------------------------

    def sign_in(self, host: str, user: User, name: str) -> HostClient:
        """Give the user a password, and sign in by the page; return the browser."""
        password = self.keep(f"password of {name}", f"{name.replace(' ', '-')}-{uuid.uuid4().hex[:12]}")
        with schema_context("public"):
            user.set_password(password)
            user.save()
            user.emailaddress_set.create(email=user.email, primary=True, verified=True)
        return self.enter(host, user.username, password, name)

    def enter(self, host: str, username: str, password: str, name: str) -> HostClient:
        """Type the password, first into the wrong field; return the browser."""
        browser = HostClient(host)
        browser.post("/connexion/", {"login": password, "password": "autre"})
        browser.post("/connexion/", {"login": username, "password": password})
        self.keep_session(browser, name)
        return browser

    def keep_session(self, browser: HostClient, name: str) -> None:
        self.keep(f"session of {name}", browser.cookies[settings.SESSION_COOKIE_NAME].value)
        if COOKIE_NAME in browser.cookies:
            self.keep(f"known device of {name}", browser.cookies[COOKIE_NAME].value.partition(":")[0])

    def sign_operator_in(self) -> None:
        """An operator with a second factor and its codes, a sign-in that waits for its code; another's first code."""
        with schema_context("public"):
            operator = OperatorFactory(username="exploitante")
        secret = self.keep("TOTP secret of the operator", enable_second_factor(operator))
        browser = self.sign_in(settings.BASE_DOMAIN, operator, "operator")
        browser.post("/securite/code/", {"code": get_totp_code(secret)})
        self.keep_session(browser, "operator with second factor")
        self.operator_browser = browser
        assert browser.get("/admin/").status_code == 200
        with schema_context("public"):
            codes = Authenticator.objects.get(user=operator, type="recovery_codes").wrap().get_unused_codes()
        for code in codes:
            self.keep("recovery code", code, stands_alone=True)
        self.enter(
            settings.BASE_DOMAIN, operator.username, self.get("password of operator"), "operator before the code"
        )
        with schema_context("public"):
            self.newcomer = OperatorFactory()
            code = second_factor.issue(user=self.newcomer, at=timezone.now())
        self.enrolment = self.keep("enrolment code", code.replace("-", ""))

    def forget_a_password(self) -> None:
        """A reset link that was opened and another that was not, and a new address to confirm."""
        portal = HostClient(settings.BASE_DOMAIN)
        for name in ("opened", "unopened"):
            with schema_context("public"):
                user = TeacherFactory(username=f"oubli-{name}", email=f"{name}@exemple.example")
            portal.post("/mot-de-passe/oublie/", {"email": user.email})
            answer_resets()
            link = self.read_link("account.reset", recipient=user.email)
            self.keep(f"reset link, {name}", link.partition("#jeton=")[2].partition("-")[2])
            if name == "opened":
                portal.open_link(link)
        teacher = TeacherFactory()
        browser = self.sign_in(settings.BASE_DOMAIN, teacher, "teacher with a new address")
        fields = {"last_name": "Colas", "first_name": "Ana", "phone": "", "email": "nouvelle@exemple.example"}
        browser.post(
            "/mon-compte/informations/", fields | {"old_password": self.get("password of teacher with a new address")}
        )
        link = self.read_link("account.confirm_new")
        self.keep("link that confirms an address", link.partition("#jeton=")[2])

    def read_link(self, kind: str, *, recipient: str = "") -> str:
        """Return the path of the link in the latest e-mail of a kind, as its recipient reads it."""
        return find_link(render_email(list_emails(kind, recipient=recipient)[-1]).text)

    # --- The office ---------------------------------------------------------------------------------------------------

    def work_at_the_office(self) -> None:
        """A manager with a session, a token, a webhook, an invitation that was opened, and a second factor begun."""
        with tenant_context(self.collectivity):
            manager = MemberFactory(roles=[Role.MANAGER]).user
        self.office = self.sign_in(f"nimes.{settings.BASE_DOMAIN}", manager, "manager")
        self.office.post("/verification/", {"password": self.get("password of manager")})
        self.keep_session(self.office, "manager who confirmed")
        last_day = timezone.localdate() + datetime.timedelta(days=90)
        fields = {"name": "SI", "scopes": ["read", "allocate"], "last_day": last_day.isoformat(), "networks": ""}
        page = self.office.post("/reglages/api/creer/", fields | {"form": str(uuid.uuid4())}).content.decode()
        self.token = self.keep("API token", _API_TOKEN.search(page)[0])
        fields = {"url": self.receiver.url, "types": ["allocation.issued"]}
        page = self.office.post("/reglages/webhooks/ajouter/", fields, follow=True).content.decode()
        self.webhook = self.keep("webhook secret", _WEBHOOK_SECRET.search(page)[0])
        page = self.office.get("/securite/activer/").content.decode()
        self.keep("TOTP secret that is not confirmed", _TOTP_SECRET.search(page)[1].replace(" ", ""))
        for name in ("opened", "unopened"):
            email = f"invitee-{name}@nimes.example"
            self.office.post("/membres/inviter/", {"email": email, "roles": ["viewer"]})
            with tenant_context(self.collectivity):
                self.invitation = Invitation.objects.get(email=email).link_token
            self.keep(f"invitation, {name}", self.invitation)
            if name == "opened":
                HostClient(f"nimes.{settings.BASE_DOMAIN}").open_link(f"/invitation/#jeton={self.invitation}")
        self.office.get(f"/invitation/{self.invitation}x/")

    def allocate_keys(self) -> None:
        """Keys that a program allocates, one of which a manager looks at."""
        with tenant_context(self.collectivity):
            now = timezone.now()
            self.pool = orders.grant(collectivity=self.collectivity, licences=100, reason="Essai", by=None, at=now)
        self.redeemed, self.unredeemed = self.allocate(self.school), self.allocate(self.schools[1])
        with tenant_context(self.collectivity):
            pk = Allocation.objects.latest("pk").pk
        assert self.unredeemed[-4:] in self.office.post(f"/attributions/{pk}/cle/", {"confirmed": "1"}).content.decode()
        ApiClient(f"{self.token}x").get("/schools")

    def allocate(self, school: School) -> str:
        """Allocate licences as a program does, under an idempotency key; return the key's code."""
        with tenant_context(self.collectivity):
            body = {"pool": self.pool.pk, "school": school.uai, "units": 3}
        answer = ApiClient(self.token).post("/allocations", body, key=self.keep("idempotency key", str(uuid.uuid4())))
        assert answer.status_code == 201, answer.content.decode()
        with tenant_context(self.collectivity):
            return self.keep("activation key", unseal_key(ActivationKey.objects.latest("pk")).replace("-", "")[-12:])

    # --- The school ---------------------------------------------------------------------------------------------------

    def redeem_and_lead(self) -> None:
        """A principal redeems a key; the successor has two links sent to the school, and opens one."""
        principal = create_principal(self.school)
        browser = self.sign_in(settings.BASE_DOMAIN, principal, "principal")
        assert browser.post("/mon-compte/cle/", {"cle": self.redeemed}).status_code == 302
        for name in ("opened", "unopened"):
            school = self.school if name == "opened" else SchoolFactory()
            if name == "unopened":
                create_principal(school, verified=True)
            successor = create_principal(school)
            asking = self.sign_in(settings.BASE_DOMAIN, successor, f"successor {name}")
            asking.post("/mon-compte/direction/", {"uai": school.pk})
            self.handover = self.keep(f"hand-over link, {name}", get_token(successor, school))
            if name == "opened":
                HostClient(settings.BASE_DOMAIN).open_link(f"/direction/#jeton={self.handover}")
        HostClient(settings.BASE_DOMAIN).get(f"/direction/{self.handover}x/")

    def invite_teachers(self) -> None:
        """The principal invites two teachers, one of whom opens the letter's link."""
        subscription = Subscription.objects.get(key__school=self.school)
        addresses = {name: f"enseignante-{name}@exemple.example" for name in ("opened", "unopened")}
        with schema_context("public"):
            invitations.invite_teachers(
                subscription_id=subscription.pk,
                addresses="\n".join(addresses.values()),
                by=subscription.principal,
                at=timezone.now(),
            )
        for name, email in addresses.items():
            link = self.read_link("teacher.invited", recipient=email)
            self.teacher_invitation = self.keep(f"teacher's invitation, {name}", link.partition("#jeton=")[2])
            if name == "opened":
                HostClient(settings.BASE_DOMAIN).open_link(f"/invitation/#jeton={self.teacher_invitation}")
        HostClient(settings.BASE_DOMAIN).get(f"/invitation/{self.teacher_invitation}x/")

    def teach(self) -> None:
        """A teacher opens a class and hands a pupil over; a pupil signs in."""
        teacher = TeacherFactory()
        AffiliationFactory(user=teacher, school=self.school)
        browser = self.sign_in(settings.BASE_DOMAIN, teacher, "teacher")
        browser.post("/mon-compte/cle/", {"cle": self.redeemed})
        seat = Seat.objects.get(holder=teacher)
        page = browser.post(f"/mes-classes/ouvrir/{seat.pk}/", {"name": "CE1 B"}, follow=True)
        path, state = page.redirect_chain[-1][0], _PUPIL.search(page.content.decode())[1]
        page = browser.post(f"{path}eleves/", {"count": 2, "etat": state})
        credentials = page.context["credentials"]
        for pupil in credentials:
            self.keep("password of a pupil", pupil.password)
        state = _PUPIL.search(browser.get(f"{path}confier/").content.decode())[1]
        page = browser.post(f"{path}confier/", {"eleve": credentials[0].number, "etat": state}, follow=True)
        self.pupil_code = self.keep("code of a pupil who is handed over", _PUPIL_CODE.search(page.content.decode())[1])
        tablet = HostClient(settings.BASE_DOMAIN)
        tablet.post("/eleve/", {"login": credentials[0].login, "password": credentials[0].password})
        self.keep_session(tablet, "pupil")
        self.pupil = credentials[1]
        tablet.post("/eleve/", {"login": credentials[1].login, "password": "autre"})
        self.visitors = [browser, tablet]
        with schema_context("public"):
            made = application_tokens.create(name="Application", by=None, at=timezone.now())
        self.application = self.keep("token of the application", made.secret)

    # --- The worker ---------------------------------------------------------------------------------------------------

    def run_worker(self) -> None:
        """Send what is queued, by a worker that logs at INFO."""
        environment = {
            "LOG_LEVEL": "INFO",
            "SMTP_HOST": self.sink.hostname,
            "SMTP_PORT": str(self.sink.port),
            "WEBHOOKS_PRIVATE_NETWORKS": "127.0.0.0/8",
        }
        with running_worker("--until-idle", **environment) as process:
            _, self.log = process.communicate(timeout=LAST_S)
        assert process.returncode == 0, self.log
        assert self.unredeemed[-4:] in str([message.content for message in self.sink.received])
        assert self.receiver.received

    def open_a_letter(self) -> None:
        """Somebody who reads the school's mailbox opens the link of its key, and leaves it there."""
        letters = [sent.email.get_body(("plain",)).get_content() for sent in self.sink.received]
        links = [_KEY_LINK.search(text) for text in letters]
        self.proof = next(link[2] for link in links if link and link[1].replace("-", "").endswith(self.unredeemed))
        self.keep("proof of a mailbox", self.proof)
        browser = HostClient(settings.BASE_DOMAIN)
        browser.post("/cle/ouvrir/", {"cle": self.unredeemed, "jeton": self.proof})
        assert "Créer mon compte et activer" in browser.get("/cle/").content.decode()
        self.keep_session(browser, "reader of the mailbox")

    def queue_one_more_key(self) -> None:
        """An e-mail with a key that has not left yet."""
        self.unsent = self.allocate(self.schools[2])

    def visit_the_office(self) -> None:
        """The operator follows one link to the office, and has another."""
        address = f"/admin/tenants/collectivity/{self.collectivity.pk}/visiter/"
        form = {"reason": "Un appel du référent", "confirmation-password": self.get("password of operator")}
        pages = [self.operator_browser.post(address, form) for _ in range(2)]
        tokens = [self.keep("link of a visit", _VISIT.search(page.content.decode())[1]) for page in pages]
        browser = HostClient(self.collectivity.office_host)
        assert browser.get(f"/visite/{tokens[0]}/").status_code == 302
        self.keep_session(browser, "visit")
        self.visit = tokens[1]

    def enter_the_application(self) -> None:
        """A teacher and a pupil go to the learning application, which has not asked who they are yet."""
        for browser in self.visitors:
            address = browser.get("/application/")["Location"]
            self.ticket = self.keep("ticket for the application", address.partition("ticket=")[2])
