"""The forms of an office: every page by its route, and what only a state of its things shows."""

import datetime
import io
import re
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from PIL import Image

from collectivities.capabilities import Role
from collectivities.letters import build_stop_url
from collectivities.models import Letter, OfficeSettings
from collectivities.operations import members
from collectivities.operations.portfolio import list_undoable_additions
from imports.concerns import Concern
from imports.models import ImportRow
from imports.operations import application_requests, row_edits
from imports.parsing.declined_rows import DECLINED
from licensing.entitlements.models import Entitlement
from licensing.entitlements.queries import get_school_year
from licensing.pools.models import Allocation
from licensing.pools.operations import allocate
from licensing.pools.reductions import revoke
from licensing.reminders.models import Reminder
from licensing.requests.school_requests.models import LicenceRequest
from mailing.models import Message, MessageState
from schools.calendar import claim_weeks
from tenants.models import Collectivity
from tests.access.routes import OFFICE_ROUTES, build_url
from tests.access.samples import SAMPLES, webhook_delivery
from tests.conftest import TERM
from tests.emails import BOUNCE_FIELDS, WAITING_FIELDS
from tests.factories.accounts import OperatorFactory, UserFactory, confirm_address, enable_second_factor
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.factories.shop import sell_next_year
from tests.forms.template_tags import marked_templates
from tests.forms.walk import FormWalk
from tests.host_client import HostClient
from tests.imports.actions import (
    apply_portfolio_list,
    build_annotated,
    confirm_and_apply,
    upload_and_parse,
    upload_corrected,
)
from tests.imports.pages import import_url
from tests.imports.sample_files import build_xlsx, schools_csv
from tests.orders import actions
from tests.pools.actions import allocate_units
from tests.rebalancing.unbalanced_pool import UnbalancedPool
from tests.renewals.renewed_office import MAY, RenewedOffice
from tests.requests.asking_school import AskingSchool
from tests.returns.given_school import GivenSchool
from webhooks.models import Delivery, DeliveryState

HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser(office, nimes):
    """A member with every role."""
    member = MemberFactory(roles=list(Role.values))
    enable_second_factor(member.user)
    return office("nimes", member.user)


@pytest.fixture
def officer(nimes):
    """A data officer, who cannot apply an import."""
    return MemberFactory(roles=[Role.DATA_OFFICER]).user


def test_each_control_of_a_few_pages_is_read(browser, nimes):
    walk = FormWalk()
    walk_letter_stop(walk, nimes)
    walk_webhooks(walk, browser)
    assert walk.unread == set()
    assert {sending[0] for sending in walk.sent} >= {"letter_stop", "webhooks:replay"}


@pytest.mark.slow
def test_each_control_of_the_office_is_read(portal, office, browser, officer, nimes):
    walk = FormWalk()
    with marked_templates():
        walk_office(walk, portal, browser, officer, nimes)
        walk_renewal(walk, office)
    faults = walk.list_faults("office")
    assert not faults, "\n".join(faults)


def walk_office(walk, portal, browser, officer, nimes):
    """Open every page of an office that is not of a renewal."""
    walk_pages_of_members(walk, browser)
    walk_portfolio(walk, browser)
    walk_pools(walk, browser)
    walk_reminders(walk, browser)
    walk_returns(walk, browser, nimes)
    walk_requests(walk, browser)
    walk_letter_stop(walk, nimes)
    walk_verification(walk, browser)
    walk_imports(walk, browser)
    walk_application_request(walk, officer, nimes)
    walk_purchases(walk, browser)
    walk_webhooks(walk, browser)
    walk_routes(walk, browser)
    walk_visit(walk, portal, nimes)


def walk_visit(walk, portal, collectivity):
    """The operator's visit puts its band on every page."""
    portal.force_login(OperatorFactory(), confirmed=True)
    with schema_context("public"):
        page = portal.post(f"/admin/tenants/collectivity/{collectivity.pk}/visiter/", {"reason": "Un appel"})
    visitor = HostClient(collectivity.office_host)
    visitor.get(re.search(r"/visite/\w+/", page.content.decode())[0])
    walk.open(visitor, "/")


def walk_pages_of_members(walk, browser):
    invitation = members.invite(email="awa@nimes.example", roles=[Role.BUYER], by=None, at=TERM)
    walk.open(browser, "/membres/")
    # Nobody who is signed in, somebody else, and the invited person, after whom the invitation is spent.
    invited = HostClient(browser.host)
    invited.force_login(confirm_address(UserFactory(), "awa@nimes.example"))
    for guest in (HostClient(browser.host), browser, invited):
        walk.open(guest, f"/invitation/#jeton={invitation.link_token}")
    logo = io.BytesIO()
    Image.new("RGB", (60, 24), "navy").save(logo, "PNG")
    fields = {"logo": logo.getvalue(), "second_factor_required": False}
    OfficeSettings.objects.update_or_create(pk=1, defaults=fields)
    walk.open(browser, "/reglages/")


def walk_portfolio(walk, browser):
    PortfolioSchoolFactory()
    SchoolFactory(name="École Jean Jaurès")
    walk.open(browser, "/ecoles/")
    # No lot is open yet.
    walk.open(browser, import_url("upload"))
    walk.open(browser, "/ecoles/ajouter/?q=jaures")
    walk.open(browser, "/ecoles/territoire/?autre=1&q=nimes")
    walk.post(browser, "/ecoles/territoire/", {"confirmed_count": "1"})
    walk.open(browser, "/ecoles/")
    (added,) = list_undoable_additions(timezone.now())
    walk.open(browser, f"/ecoles/territoire/annuler/?{urlencode({'added_at': added.added_at.isoformat()})}")


def walk_pools(walk, browser):
    pool, school = PoolFactory(capacity=100), SchoolFactory(name="École Zola")
    walk.open(browser, import_url("detail", apply_portfolio_list((SchoolFactory(), 4)).pk))
    allocate(pool_id=pool.pk, uai=school.uai, units=3, recipient=school.email, by=None, at=TERM)
    allocation, message = Allocation.objects.get(school=school), Message.objects.get(recipient=school.email)
    walk.open(browser, f"/attributions/attribuer/?ecole={school.uai}")
    walk.open(browser, "/attributions/attribuer/?q=zola")
    PortfolioSchoolFactory(school=school, contact_email="une.autre@exemple.example")
    walk.open(browser, "/ecoles/?licences=dormant")
    walk.open(browser, f"/ecoles/{school.uai}/")
    walk.open(browser, f"/ecoles/{SchoolFactory().uai}/")
    walk.open(browser, "/lots/")
    walk.open(browser, "/attributions/")
    walk.open(browser, f"/attributions/{allocation.pk}/")
    walk.post(browser, f"/attributions/{allocation.pk}/cle/", {})
    # Who has not confirmed who they are; the walk types « 1 ».
    manager = MemberFactory(roles=[Role.MANAGER]).user
    manager.set_password("1")
    manager.save()
    unconfirmed = HostClient(browser.host)
    unconfirmed.force_login(manager)
    walk.post(unconfirmed, f"/attributions/{allocation.pk}/cle/", {"confirmed": "1"})
    # Enough for the number to be asked for.
    others = [allocate_units(pool, SchoolFactory(), units=1).pk for _ in range(4)]
    for name, ids in (("relancer", [allocation.pk]), ("renvoyer", others[:1]), ("reprendre", [allocation.pk, *others])):
        walk.post(browser, "/attributions/actions/", {"action": name, "ids": ids, "query": ""})
    for moment in (timezone.now(), timezone.now() - datetime.timedelta(minutes=1)):
        taken = allocate_units(pool, SchoolFactory(), units=1)
        revoke(allocation_id=taken.pk, by=None, at=moment)
    walk.open(browser, "/attributions/")
    walk.open(browser, f"/attributions/{taken.pk}/")
    walk.open(browser, f"/ecoles/{taken.school_id}/")
    walk.open(browser, f"/messages/{message.pk}/")
    walk_corrections(walk, browser, pool)
    suspended, kept = PoolFactory(capacity=10), SchoolFactory()
    allocate(pool_id=suspended.pk, uai=kept.uai, units=1, recipient=kept.email, by=None, at=TERM)
    Entitlement.objects.filter(pk=suspended.entitlement_id).update(suspended_at=TERM, suspension_cause="operator")
    walk.open(browser, f"/attributions/{Allocation.objects.get(school=kept).pk}/")
    # Two schools that have not activated their keys: the home page offers to remind each, and both.
    helped, sent_at = PoolFactory(capacity=10), timezone.now() - datetime.timedelta(days=20)
    for number in range(2):
        quiet = allocate_units(helped, SchoolFactory(name=f"École sans nouvelles {number}"), units=1)
        Message.objects.filter(topic_id=quiet.pk).update(state=MessageState.SENT, sent_at=sent_at)
    walk.open(browser, "/")


def walk_corrections(walk, browser, pool):
    """A key to an address that was refused, which waits, and one whose address is to be typed."""
    waiting = allocate_units(pool, SchoolFactory(), units=1, recipient="refusee@exemple.example")
    Message.objects.filter(topic_id=waiting.pk).update(state=MessageState.HELD, **WAITING_FIELDS)
    unknown = allocate_units(pool, SchoolFactory(email=""), units=1, recipient="inconnue@exemple.example")
    Message.objects.filter(topic_id=unknown.pk).update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)
    walk.open(browser, "/attributions/adresses/")
    ticked = {"ids": [waiting.pk], "ticked": [waiting.pk], "recipient": ["ecole.corrigee@exemple.example"]}
    walk.post(browser, "/attributions/adresses/corriger/", ticked)
    held = Message.objects.get(topic_id=waiting.pk)
    walk.open(browser, f"/messages/{held.pk}/")


def walk_reminders(walk, browser):
    """More reminders than a page shows, one on its school's page, and a second one in a week."""
    pool = PoolFactory(capacity=100)
    for school in SchoolFactory.create_batch(51):
        given = allocate_units(pool, school, units=1)
        Reminder.objects.create(
            allocation=given, school=school, cause="unredeemed", step=10, planned_for=timezone.localdate()
        )
    walk.open(browser, f"/ecoles/{given.school_id}/")
    Message.objects.filter(topic_id=given.pk).update(state=MessageState.SENT, sent_at=TERM)
    claim_weeks([given.school_id], at=timezone.now())
    walk.post(browser, f"/attributions/{given.pk}/relancer/", {})
    walk.open(browser, f"/lots/{pool.pk}/relances/")


def walk_returns(walk, browser, collectivity):
    """What is asked back, and by whom; a lot to rebalance, with every kind of row, shown, checked and refused."""
    long_ago = timezone.now() - datetime.timedelta(days=40)
    unbalanced = UnbalancedPool(collectivity, at=long_ago)
    walk.open(browser, "/distribuer/rendre/")
    address = f"/distribuer/reequilibrer/{unbalanced.pool.pk}/"
    walk.open(browser, address)
    numbers = {f"prendre-{unbalanced.zola.pk}": "9", f"donner-{unbalanced.jaures.school.pk}": "1", "acte": "verifier"}
    walk.post(browser, address, numbers)
    walk.post(browser, address, numbers | {f"prendre-{unbalanced.zola.pk}": "99"})
    asking = AskingSchool().ask(units=1)
    LicenceRequest.objects.update(school_year=get_school_year(unbalanced.pool.entitlement.last_day))
    walk.open(browser, address)
    unbalanced.rebalance({unbalanced.zola.pk: 1}, {asking.school_id: 1}, at=timezone.now())
    walk.open(browser, "/demandes/")
    walk.open(browser, "/distribuer/reequilibrer/")
    asked = GivenSchool(collectivity, at=long_ago)
    walk.open(browser, f"/ecoles/{asked.school.pk}/")
    # Declined a moment ago: a hand may ask all the same.
    asked.keep(asked.ask(at=long_ago), at=long_ago)
    walk.post(browser, "/attributions/actions/", {"action": "demander", "ids": [asked.allocation.pk], "query": ""})
    asked.ask(at=timezone.now(), again=True)
    walk.open(browser, "/distribuer/rendre/")


def walk_letter_stop(walk, collectivity):
    """The off switch of a letter, before and after it was used."""
    path = "/" + build_stop_url(collectivity, MemberFactory().pk, Letter.WEEKLY).split("/", 3)[3]
    visitor = HostClient(collectivity.office_host)
    walk.open(visitor, path)
    walk.post(visitor, path, {"choice": "stop"})


def walk_requests(walk, browser):
    """Requests to accept, with enough licences for their number to be asked for, and to refuse."""
    walk.open(browser, "/demandes/")
    jaures, pool = AskingSchool(), PoolFactory(capacity=100)
    for _ in range(5):
        allocate_units(pool, SchoolFactory(), units=1)
    jaures.ask(units=2)
    walk.open(browser, "/demandes/")
    request = AskingSchool().ask(units=150)
    accepting = {"action": "accepter", "demandes": [str(request.pk)], "lot": str(pool.pk)}
    walk.post(browser, "/demandes/repondre/", accepting | {f"licences-{request.pk}": "60"})
    walk.open(browser, f"/ecoles/{jaures.school.pk}/")


def walk_verification(walk, browser):
    """Rows of every verdict, and of each problem that has a way out."""
    pool, held = PoolFactory(capacity=100), [PortfolioSchoolFactory(classes=9).school for _ in range(3)]
    for school in held[:2]:
        allocate(pool_id=pool.pk, uai=school.uai, units=5, recipient=school.email, by=None, at=TERM)
    small, served = (PortfolioSchoolFactory(classes=classes).school for classes in (1, 9))
    allocate(pool_id=PoolFactory().pk, uai=served.uai, units=1, recipient=served.email, by=None, at=TERM)
    titles, uais = ["UAI", "Licences"], [school.uai for school in (*held, small, *SchoolFactory.create_batch(2))]
    nursery = SchoolFactory(name="École maternelle Les Lilas", has_elementary=False)
    rows = [*zip(uais, (3, 3, 4, 9, 2, "x"), strict=True), (next_uai(), 2), (served.uai, 4), (nursery.uai, 1)]
    content = build_xlsx([titles, *rows], more={"Autres": [titles, [SchoolFactory().uai, 1]]})
    spreadsheet_import = upload_and_parse(pool, content, filename="a.xlsx")
    walk.open(browser, import_url("detail", spreadsheet_import.pk))
    for changes in (
        {"number": 3, "conflict_resolution": "reduce"},
        {"number": 4, "set_aside": True},
        {"number": 6, "edits": {"units": "3"}},
    ):
        row_edits.amend_row(import_id=spreadsheet_import.pk, by=None, at=TERM, **changes)
    ImportRow.objects.filter(import_id=spreadsheet_import.pk, number=8).update(
        proposals=[{"uai": SchoolFactory().uai, "label": "École Zola", "score": 0.7}]
    )
    address = import_url("detail", spreadsheet_import.pk)
    opened = "?onglet=toutes&remarque=unknown_school&etat=to_resolve"
    concerned = f"?onglet=toutes&a_voir={Concern.MORE_THAN_CLASSES}"
    for query in ("?onglet=toutes", "?onglet=toutes&feuille=0&q=e", opened, concerned):
        walk.open(browser, address + query)
    # In no other row, whose verdict would change too and the page be loaded again.
    SchoolFactory(name="École Prévert")
    for more in ("?onglet=toutes", "?onglet=toutes&ecole=prevert"):
        walk.open(browser, import_url("row", spreadsheet_import.pk, 0, 7) + more)
        walk.open(browser, import_url("row", spreadsheet_import.pk, 0, 7) + more, headers=HTMX)
    walk.open(browser, import_url("choose", spreadsheet_import.pk))
    walk.open(browser, import_url("confirm", spreadsheet_import.pk))
    walk.open(browser, import_url("cancel", spreadsheet_import.pk))


def walk_application_request(walk, by, collectivity):
    officer = HostClient(collectivity.office_host)
    officer.force_login(by, confirmed=True)
    checked = upload_and_parse(PoolFactory(), schools_csv((SchoolFactory(), 1)))
    MemberFactory(roles=[Role.MANAGER])
    walk.open(officer, import_url("request_application", checked.pk))
    application_requests.request_application(import_id=checked.pk, by=by, at=TERM)
    walk.open(officer, import_url("detail", checked.pk))


def walk_imports(walk, browser):
    pool, school = PoolFactory(capacity=100), SchoolFactory()
    walk.open(browser, import_url("detail", apply_portfolio_list((SchoolFactory(), 4)).pk))
    large = upload_and_parse(pool, schools_csv((school, 90)))
    walk.open(browser, import_url("confirm", large.pk))
    reason = {"onglet": "toutes", "remarque": DECLINED, "etat": "unticked", "raison": "par la colonne « Avis »"}
    walk.open(browser, f"{import_url('detail', large.pk)}?{urlencode(reason)}")
    # Schools that the directory has at last, of a pool that has ended meanwhile: another is to be chosen.
    ended, awaited = PoolFactory(), next_uai()
    content = schools_csv((SchoolFactory(), 1), (awaited, 2))
    applied = confirm_and_apply(upload_and_parse(ended, content, filename="c.csv"), only_valid=True)
    walk.open(browser, import_url("undo", applied.pk))
    Entitlement.objects.filter(pk=ended.entitlement_id).update(last_day=datetime.date(2026, 8, 31))
    SchoolFactory(uai=awaited)
    walk.open(browser, "/imports/")
    walk.open(browser, import_url("upload"))
    original = upload_and_parse(pool, build_xlsx([["UAI", "Licences"], [SchoolFactory().uai, "x"]]), filename="b.xlsx")
    walk.open(browser, import_url("detail", original.pk))
    book = build_annotated(original)
    walk.open(browser, import_url("detail", original.pk))
    book.active["B2"] = 4
    corrected = upload_corrected(pool, book)
    walk.open(browser, import_url("detail", corrected.pk) + "?onglet=toutes&modifiees=1")
    rows = [(school, 1, state) for school, state in zip(SchoolFactory.create_batch(2), ("Clos", "Ouvert"), strict=True)]
    for asked in (
        schools_csv((SchoolFactory(),), titles=("UAI",)),
        schools_csv(*rows, titles=("UAI", "Licences", "Dossier")),
    ):
        walk.open(browser, import_url("detail", upload_and_parse(pool, asked).pk))


def walk_purchases(walk, browser):
    draft = PurchaseFactory()
    year = draft.lines.get().school_year
    sell_next_year(year, sold_from=year.sold_from)
    walk.open(browser, "/achats/nouveau/?licences=40")
    for path in ("", "commander/", "abandonner/"):
        walk.open(browser, f"/achats/{draft.pk}/{path}")
    order = PurchaseFactory(placed=True)
    walk.open(browser, f"/achats/{order.pk}/")
    walk.open(browser, f"/achats/{order.pk}/completer/")
    actions.upload(order)
    walk.open(browser, f"/achats/{order.pk}/")


def walk_renewal(walk, office):
    """In May, when a renewal is open: in each of its states, at an office that bought nothing for the next year."""
    collectivity = Collectivity.objects.get(slug="gard")
    with pytest.MonkeyPatch.context() as patch, tenant_context(collectivity):
        renewed = RenewedOffice(collectivity)
        patch.setattr(timezone, "now", lambda: MAY)
        member = MemberFactory(roles=list(Role.values))
        enable_second_factor(member.user)
        browser = office("gard", member.user)
        walk.open(browser, "/reconduire/?voir=ajouter")
        walk.open(browser, f"/reconduire/tableau/{apply_portfolio_list((SchoolFactory(), 5)).pk}/")
        walk.open(browser, "/reconduire/")
        renewed.decline()
        walk.open(browser, "/reconduire/")
        renewed.reopen()
        renewed.place(renewed.order())
        walk.open(browser, "/reconduire/")
        walk.open(browser, "/reconduire/attribuer/")
        renewed.apply()
        walk.open(browser, "/reconduire/")


def walk_webhooks(walk, browser):
    named = webhook_delivery()
    Delivery.objects.filter(pk=named["number"]).update(
        state=DeliveryState.FAILED, reason="Le destinataire ne répond pas.", settled_at=TERM
    )
    walk.open(browser, f"/reglages/webhooks/{named['pk']}/envois/{named['number']}/")


def walk_routes(walk, browser):
    for route in OFFICE_ROUTES:
        answer = browser.get(build_url(route, SAMPLES[route.name]() if route.arguments else {}), follow=True)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            walk.read(browser, answer)
