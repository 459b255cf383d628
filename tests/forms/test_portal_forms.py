"""The forms of the portal: public pages, accounts, « Mon compte », the shop, classes."""

import datetime
import re

import pytest
from allauth.account.models import EmailConfirmationHMAC
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts import attempt_delays, known_origins
from accounts.known_origins import Origin
from core.calendar import date_in_paris
from licensing.classes import handovers
from licensing.classes import operations as classes
from licensing.classes.models import Classroom
from licensing.entitlements import operations as seats
from licensing.pools.emails import build_stop_url
from licensing.requests.invitations.models import TeacherInvitation
from licensing.requests.school_requests.models import TeacherRequest
from licensing.requests.school_requests.queries import list_years_to_ask
from tests.access import routes
from tests.access.routes import build_url
from tests.accounts.emails import answer_resets, find_link, mark_reauthenticated, sign_in
from tests.accounts.software_passkey import add_software_passkey
from tests.classes.class_rows import create_subscription, create_taught_class, hold_seat
from tests.classes.taught_class import TaughtClass
from tests.conftest import TERM
from tests.emails import list_emails, render_email
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import (
    PrincipalFactory,
    TeacherFactory,
    enable_second_factor,
)
from tests.factories.licensing import PoolFactory
from tests.factories.orders import OrderFactory
from tests.factories.payments import StartedPaymentFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.factories.shop import open_shop, sell_next_year
from tests.forms.template_tags import marked_templates
from tests.forms.walk import FormWalk
from tests.guide.scenario import create_browser
from tests.host_client import HostClient
from tests.invitations.inviting_school import InvitingSchool
from tests.pools.actions import allocate_units
from tests.requests.asking_school import AskingSchool
from tests.returns.given_school import GivenSchool
from tests.schools import principals
from tests.sites.portal.key_letter import send_key
from tests.sites.portal.shop_buyer import ShopBuyer

ACCOUNT = "/mon-compte/"


def walk_pages_without_arguments(walk, browser):
    for route in routes.list_routes(routes.PORTAL):
        if route.name and not route.arguments and route.name != "account_logout":
            answer = browser.get(build_url(route, urlconf=routes.PORTAL), follow=True)
            if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
                walk.read(browser, answer)


@pytest.mark.slow
def test_each_control_of_the_portal_is_read(nimes, can_sign_in):
    walk = FormWalk()
    with marked_templates():
        walk_public_pages(walk)
        walk.open(
            HostClient(settings.BASE_DOMAIN), f"{reverse('faq', urlconf='config.urls_public')}?bureau={nimes.slug}"
        )
        walk_accounts(walk, can_sign_in)
        walk_letters(walk, nimes, can_sign_in)
        walk_my_account(walk, nimes)
        walk_returns(walk, nimes)
        walk_requests(walk, nimes)
        walk_teacher_invitation(walk, nimes, can_sign_in)
        walk_reminder_stop(walk, nimes)
        walk_shop(walk)
        walk_classes(walk, nimes)
    faults = walk.list_faults("portal")
    assert not faults, "\n".join(faults)


def walk_public_pages(walk):
    open_shop()
    SchoolFactory(name="Ecole Jean Jaurès")
    visitor = HostClient(settings.BASE_DOMAIN)
    walk_pages_without_arguments(walk, visitor)
    walk.open(visitor, "/boutique/?classes=3")
    walk.post(visitor, "/inscription/", {"school_query": "jaures", "rechercher": "1"})
    walk.post(visitor, "/cle-non-recue/", {"school_query": "jaures", "rechercher": "1"})


def walk_letters(walk, nimes, can_sign_in):
    """The page of a key: to a visitor, to one whose mailbox has an account, to principals with and without school."""
    school = SchoolFactory(email="ce.0300001a@exemple.example")
    member = PrincipalFactory()
    AffiliationFactory(user=member, school=school)
    _walk_letter(walk, HostClient(settings.BASE_DOMAIN), nimes, school)
    for user in (PrincipalFactory(), member):
        _walk_letter(walk, create_browser(user), nimes, school)
    can_sign_in(PrincipalFactory(email=school.email))
    _walk_letter(walk, HostClient(settings.BASE_DOMAIN), nimes, school)


def _walk_letter(walk, browser, nimes, school):
    # A key of its own: forms that are sent may redeem it.
    _, link = send_key(nimes, school)
    walk.post(browser, "/cle/ouvrir/", {"cle": link.code, "jeton": link.token})


def walk_accounts(walk, can_sign_in):
    user = can_sign_in(TeacherFactory())
    visitor = HostClient(settings.BASE_DOMAIN)
    confirmation = EmailConfirmationHMAC(user.emailaddress_set.create(email="nouvelle@exemple.example"))
    walk.open(visitor, f"/adresse/confirmer/#jeton={confirmation.key}")
    visitor.post("/mot-de-passe/oublie/", {"email": user.email})
    answer_resets()
    walk.open(visitor, find_link(render_email(list_emails(recipient=user.email)[-1]).text))
    browser = create_browser(user)
    walk_pages_without_arguments(walk, browser)
    walk.open(browser, "/deconnexion/")
    mark_reauthenticated(browser, user)
    walk.open(browser, "/securite/activer/")
    enable_second_factor(user)
    for path in ("codes/nouveaux/", "desactiver/"):
        mark_reauthenticated(browser, user)
        walk.open(browser, f"/securite/{path}")
    walk.open(create_browser(user), "/securite/verification/")
    owner = attempt_delays.get_owner(user)
    known_origins.remember(Origin("192.0.2.9"), device_of=owner, network_of=owner)
    mark_reauthenticated(browser := create_browser(user), user)
    walk.open(browser, "/securite/appareils/")
    key = add_software_passkey(user)
    browser = create_browser(user)
    walk.open(browser, "/verification/cle-acces/")
    for path in ("ajouter/", f"{key.pk}/nom/", f"{key.pk}/retirer/"):
        mark_reauthenticated(browser, user)
        walk.open(browser, f"/securite/cles/{path}")
    sign_in(visitor, user)
    walk.open(visitor, "/securite/code/")


def walk_returns(walk, nimes):
    """Licences to give back, asked for and not; what was given back a moment ago. A school for each page that acts."""
    now = timezone.now()
    with tenant_context(nimes):
        asked = [GivenSchool(nimes, at=now) for _ in range(3)]
        for school in asked:
            school.ask(at=now)
        free, used_up = GivenSchool(nimes, at=now), GivenSchool(nimes, units=1, at=now)
        used_up.ask(at=now)
        used_up.assign(at=now)
        free.give_back(1, at=now)
    return_page = f"{ACCOUNT}rendre/{{}}/"
    for school, path in (
        (asked[0], ACCOUNT),
        (asked[1], f"{ACCOUNT}licences/"),
        (asked[2], return_page.format(asked[2].subscription.pk)),
        (used_up, return_page.format(used_up.subscription.pk)),
        (free, f"{ACCOUNT}licences/"),
        (free, return_page.format(free.subscription.pk)),
    ):
        walk.open(create_browser(school.principal), path)


def walk_my_account(walk, nimes):
    with tenant_context(nimes):
        jaures = SchoolScenario()
    principal = create_browser(jaures.principal)
    # Verification of who redeemed a key that was sent elsewhere.
    jaures.subscription(exposed_at=TERM)
    for path in (ACCOUNT, f"{ACCOUNT}etablissement/"):
        walk.open(principal, path)
    token = principals.send_link(jaures.principal, jaures.school, at=timezone.now())
    jaures.add_principal(verified=True)
    walk.open(HostClient(settings.BASE_DOMAIN), f"/direction/#jeton={token}")
    jaures.principal.affiliations.update(verified_at=TERM, verified_by="operator")
    # Teachers with and without a licence, of this school and of one typed by hand; two keys to choose from.
    holder, _, _ = (jaures.teacher() for _ in range(3))
    code, _ = jaures.subscription()
    AffiliationFactory(
        user=TeacherFactory(), school=None, name="Ecole J. Jaurès", address="1 rue du Stade", postal_code="30000",
        city="Nîmes",
    )  # fmt: skip
    AffiliationFactory(user=jaures.principal)
    seat = seats.claim(code=code, by=holder, at=TERM)
    walk.open(principal, f"{ACCOUNT}?etablissement={jaures.school.pk}")
    _, subscription = jaures.subscription(units=5)
    given = {"abonnement": str(subscription.pk), "enseignant": str(jaures.teacher().pk)}
    walk.post(principal, f"{ACCOUNT}attribuer/", given)
    walk.open(principal, ACCOUNT)
    # Invited teachers: one who may be reminded, and a list with a line that cannot be read.
    inviting = {"abonnement": str(subscription.pk), "adresses": "lea.martin@exemple.example"}
    walk.post(principal, f"{ACCOUNT}inviter/", inviting)
    TeacherInvitation.objects.update(created_at=timezone.now() - datetime.timedelta(days=2))
    walk.open(principal, ACCOUNT)
    walk.post(principal, f"{ACCOUNT}inviter/", {**inviting, "adresses": "sans adresse\npaul@exemple.example"})
    # Invited twice; cancelled, which can be undone for a day, and invited again.
    walk.post(principal, f"{ACCOUNT}inviter/", inviting)
    walk.open(principal, ACCOUNT)
    invited = TeacherInvitation.objects.get(email="lea.martin@exemple.example")
    walk.post(principal, f"{ACCOUNT}inviter/annuler/", {"invitation": str(invited.pk)})
    walk.open(principal, ACCOUNT)
    TeacherInvitation.objects.filter(pk=invited.pk).update(ended_at=timezone.now() - datetime.timedelta(days=2))
    walk.open(principal, ACCOUNT)
    walk.open(principal, f"{ACCOUNT}retirer/{seat.pk}/?enseignant={holder.pk}")
    walk.open(principal, f"{ACCOUNT}etablissement/{jaures.principal.affiliations.first().pk}/quitter/")
    # A key of a school that was not chosen yet.
    code, _ = jaures.key()
    walk.post(create_browser(PrincipalFactory()), f"{ACCOUNT}cle/", {"cle": code})
    # A school typed by hand, which the directory may know.
    typed = TeacherFactory()
    AffiliationFactory(
        user=typed, school=None, name="École Jean Jaurès", address="1 rue du Stade", postal_code="30000", city="Nîmes"
    )
    for path in (ACCOUNT, f"{ACCOUNT}etablissement/"):
        walk.open(create_browser(typed), path)
    changing = create_browser(TeacherFactory())
    changing.post(f"{ACCOUNT}informations/", {"first_name": "A", "last_name": "B", "email": "autre@exemple.example"})
    walk.open(changing, f"{ACCOUNT}informations/")


def walk_reminder_stop(walk, nimes):
    """The off switch of a letter, before and after it was used."""
    with tenant_context(nimes):
        given = allocate_units(PoolFactory(), SchoolFactory(), units=1)
        path = "/" + build_stop_url(given.pk).split("/", 3)[3]
    visitor = HostClient(settings.BASE_DOMAIN)
    walk.open(visitor, path)
    walk.post(visitor, path, {"choice": "school"})


def walk_requests(walk, nimes):
    """A teacher who asks, waits and withdraws; a principal who refuses, asks the collectivity and withdraws."""
    with tenant_context(nimes):
        jaures = AskingSchool(name="École Marie Curie", postal_code="30000")
    AffiliationFactory(
        user=TeacherFactory(), school=None, name="Ecole M. Curie", address="1 rue du Stade", postal_code="30000",
        city="Nîmes",
    )  # fmt: skip
    teacher = create_browser(jaures.add_teacher())
    walk.open(teacher, ACCOUNT)
    teacher.post(f"{ACCOUNT}demande/", {"uai": jaures.school.pk})
    walk.open(teacher, ACCOUNT)
    create_browser(asking := jaures.add_teacher()).post(f"{ACCOUNT}demande/", {"uai": jaures.school.pk})
    principal = create_browser(jaures.principal)
    walk.open(principal, ACCOUNT)
    walk.open(principal, f"{ACCOUNT}demande/{TeacherRequest.objects.get(teacher=asking).pk}/refuser/")
    walk.open(principal, f"{ACCOUNT}demandes/")
    jaures.ask(at=timezone.now(), school_year=list_years_to_ask(date_in_paris(timezone.now()))[0])
    walk.open(principal, f"{ACCOUNT}demandes/")


def walk_teacher_invitation(walk, nimes, can_sign_in):
    with tenant_context(nimes):
        invitation = InvitingSchool().invite_one(at=timezone.now())
    link = f"/invitation/#jeton={invitation.link_token}"
    walk.open(HostClient(settings.BASE_DOMAIN), "/invitation/")
    walk.open(HostClient(settings.BASE_DOMAIN), link)
    # Somebody else's account, then the invited person's.
    walk.open(create_browser(TeacherFactory()), link)
    walk.open(create_browser(can_sign_in(TeacherFactory(email=invitation.email))), link)


def walk_shop(walk):
    buyer = ShopBuyer()
    sell_next_year(buyer.year, sold_from=buyer.year.sold_from)
    walk.open(HostClient(settings.BASE_DOMAIN), "/boutique/?classes=3")
    second = AffiliationFactory(user=buyer.user)
    walk.open(buyer.browser, "/boutique/?classes=3")
    second.delete()
    draft = buyer.draft()
    walk.open(buyer.browser, buyer.basket(draft), typed=buyer.fields())
    order = buyer.ordered()
    walk.open(buyer.browser, f"/boutique/commandes/{order.pk}/")
    incomplete = OrderFactory(current=True, placed=True, billing__siret="")
    walk.open(create_browser(incomplete.placed_by), f"/boutique/commandes/{incomplete.pk}/")
    corrected = OrderFactory(current=True, placed=True)
    walk.open(create_browser(corrected.placed_by), f"/boutique/commandes/{corrected.pk}/payeur/")
    person = {"payer": "other", "name": "Camille Durand", "siret": ""}
    personal = OrderFactory(current=True, placed=True, **{f"billing__{name}": text for name, text in person.items()})
    giving_up, address = create_browser(personal.placed_by), f"/boutique/commandes/{personal.pk}/renoncer/"
    walk.open(giving_up, address)
    walk.post(giving_up, address, {"name": "Camille Durand", "faire": "relire"})
    payment = StartedPaymentFactory()
    browser = create_browser(payment.order.placed_by)
    walk.open(browser, payment.get_process_url())
    walk.post(browser, payment.get_process_url(), {"answer": "refuse"})


def walk_carrying_on(walk):
    """Open the pages of a class that may go on, to one licence or to a choice of them."""
    this_year = timezone.localdate()
    new = {"first_day": this_year, "last_day": datetime.date(this_year.year + 2, 8, 31)}
    for licences in (1, 2):
        ended = create_taught_class(last_day=this_year - datetime.timedelta(days=1), first_day=TERM.date())
        school, teacher = ended.seat.subscription.school, ended.seat.holder
        for _ in range(licences):
            hold_seat(create_subscription(school=school, **new), by=teacher)
        walk.open(create_browser(teacher), f"/mes-classes/{ended.pk}/")
        walk.open(create_browser(teacher), f"/mes-classes/{ended.pk}/emmener/")


def walk_classes(walk, nimes):
    with tenant_context(nimes):
        school = SchoolScenario()
    taught = TaughtClass(school, pupils=2)
    teacher = create_browser(taught.teacher)
    walk.open(teacher, taught.url())
    empty = TaughtClass(school)
    walk.open(create_browser(empty.teacher), empty.url())
    # A script adds the cards that the teacher's own sheet keeps.
    credential = taught.credentials[0]
    walk.open(teacher, taught.url("feuille/"), typed={"carte": f"{credential.login} {credential.password}"})
    walk.open(teacher, taught.url("mots-de-passe/?numero=2"))
    walk.open(teacher, taught.url("eleves/2/retirer/"))
    state = re.search(r'name="etat" value="([0-9a-f]+)"', teacher.get(taught.url()).content.decode())[1]
    walk.post(teacher, taught.url("eleves/"), {"count": 2, "etat": state})
    walk.open(teacher, taught.url("confier/"))
    handover = handovers.prepare_handover(
        classroom_id=taught.classroom.pk, numbers=[1], by=taught.teacher, at=timezone.now()
    )
    walk.open(teacher, taught.url(f"confier/{handover.pk}/"))
    code = handovers.unseal_code(handover)
    walk.open(create_browser(empty.teacher), empty.url(), typed={"code": code})
    walk.post(create_browser(empty.teacher), empty.url("recevoir/"), {"code": code})
    walk_carrying_on(walk)
    Classroom.objects.update(tried_at=timezone.now(), invited_at=timezone.now())
    walk.open(teacher, taught.url())
    colleague = TeacherFactory()
    classes.create_invitation(
        classroom_id=taught.classroom.pk, username=colleague.username, by=taught.teacher, at=timezone.now()
    )
    walk.open(teacher, taught.url())
    walk.open(create_browser(colleague), "/mes-classes/")
    classes.accept(classroom_id=taught.classroom.pk, by=colleague, at=timezone.now())
    walk.open(teacher, taught.url())
    walk.open(create_browser(colleague), taught.url())
    code, _ = school.subscription()
    other = school.teacher()
    seat = seats.claim(code=code, by=other, at=TERM)
    walk.open(create_browser(other), f"/mes-classes/ouvrir/{seat.pk}/")
    pupil = HostClient(settings.BASE_DOMAIN)
    walk.open(pupil, "/eleve/")
    walk.post(pupil, "/eleve/", {"login": credential.login, "password": credential.password})
