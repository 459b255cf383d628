"""« À faire »: by role, and every line leads to the very place; the number of queries of the page."""

import datetime
import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context

from api import tokens
from api.models import TokenScope
from collectivities.capabilities import Role
from collectivities.models import OfficeSettings
from imports.enums import ImportState
from imports.models import ImportRow, SpreadsheetImport
from licensing.entitlements.models import Entitlement
from licensing.orders import operations as orders
from licensing.pools.checks import Demand
from licensing.pools.models import Pool
from licensing.pools.operations import allocate_many
from mailing.models import Message, MessageState
from tests.emails import BOUNCE_FIELDS
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.pools.actions import allocate_units

pytestmark = pytest.mark.slow

NOW = timezone.now()
DAY = datetime.timedelta(days=1)
#: A line of the list: its words and its link.
LINE = re.compile(r'<li>\s*<span>(.*?)</span>\s*<a href="(.*?)">', re.DOTALL)


@pytest.fixture
def home(office, nimes):
    """Return the lines of « À faire » as a member with these roles sees them, with their browser."""

    def read(*roles):
        browser = office("nimes", MemberFactory(roles=list(roles), joined_at=NOW + DAY).user)
        shown = collapse(browser.get("/").content.decode())
        part = shown[shown.index('id="a-faire"') : shown.index("</section>", shown.index('id="a-faire"'))]
        lines = [(html.unescape(words).replace("\xa0", " "), html.unescape(url)) for words, url in LINE.findall(part)]
        return browser, part.replace("\xa0", " "), dict(lines)

    return read


@pytest.fixture
def everything(nimes):
    """An office where each kind of line has its cause."""
    pool = orders.grant(collectivity=nimes, licences=20, reason="Essai", name="Lot A", by=None, at=NOW)
    Entitlement.objects.update(first_day=(NOW - 60 * DAY).date())
    dormant = allocate_units(pool, SchoolFactory(), units=9, at=NOW)
    lost = allocate_units(pool, SchoolFactory(), units=10, at=NOW)
    Message.objects.filter(topic_id=dormant.pk).update(state=MessageState.SENT, sent_at=NOW - 16 * DAY)
    Message.objects.filter(topic_id=lost.pk).update(state=MessageState.FAILED, reason="Boîte inconnue.")
    PurchaseFactory(placed=True, current=True)
    suspended = orders.grant(collectivity=nimes, licences=5, reason="Essai", name="Lot S", by=None, at=NOW)
    held = allocate_units(suspended, SchoolFactory(), at=NOW)
    Message.objects.filter(topic_id=held.pk).update(state=MessageState.HELD)
    Entitlement.objects.filter(pk=suspended.entitlement_id).update(suspended_at=NOW)
    asking = UserFactory(first_name="Karim", last_name="Haddad")
    fields = {"pool": pool, "size": 1, "sha256": "0" * 64, "state": ImportState.CHECKED, "created_at": NOW}
    SpreadsheetImport.objects.create(
        filename="dotation.xlsx", requested_at=NOW, requested_by_id=asking.pk, requested_schools=1, **fields
    )
    SpreadsheetImport.objects.create(filename="autre.xlsx", **fields)
    awaited = SpreadsheetImport.objects.create(filename="attendu.xlsx", **fields)
    ImportRow.objects.create(import_id=awaited.pk, number=2, uai=SchoolFactory().uai, verdict="error", awaited=True)
    tokens.create(name="SI", scopes=[TokenScope.READ], expires_at=NOW + 12 * DAY, by=asking, at=NOW)


#: Beginnings of the lines by role, in their order.
EXPECTED = {
    Role.BUYER: ["Lot « Achat", "Lot « Lot S »", "1 clé du lot", "Le lot « Lot A »"],
    Role.MANAGER: [
        "Lot « Achat", "Lot « Lot S »", "1 clé du lot", "1 e-mail n’est", "1 clé n’est pas activée",
        "Karim Haddad demande", "2 tableaux attendent", "1 école attendue", "Le lot « Lot A »",
        # The last ones of the lot A are said with it.
        "Faute d’adresse de réponse", "Jeton « SI »", "2 000 licences restent",
    ],
    Role.DATA_OFFICER: ["1 e-mail n’est", "2 tableaux attendent", "1 école attendue", "2 001 licences restent"],
    Role.VIEWER: [],
}  # fmt: skip


@pytest.mark.parametrize("role", EXPECTED)
def test_each_role_reads_what_it_can_do_and_every_line_opens(everything, home, role):
    browser, _, lines = home(role)
    found = [words.replace("\u202f", " ") for words in lines]
    assert len(found) == len(EXPECTED[role]), found
    for words, beginning in zip(found, EXPECTED[role], strict=True):
        assert words.startswith(beginning), (words, beginning)
    for url in lines.values():
        answer = browser.get(url)
        assert answer.status_code == 200, url
        _, _, anchor = url.partition("#")
        assert not anchor or f'id="{anchor}"' in answer.content.decode(), url


def test_one_lost_e_mail_leads_to_its_address_and_one_import_to_itself(nimes, home):
    pool = orders.grant(collectivity=nimes, licences=20, reason="Essai", name="Lot A", by=None, at=NOW)
    allocate_units(pool, SchoolFactory(), units=3, at=NOW)
    Message.objects.update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)
    one = SpreadsheetImport.objects.create(
        pool=pool, filename="a.xlsx", size=1, sha256="0" * 64, state=ImportState.CHECKED, created_at=NOW
    )
    _, _, lines = home(Role.MANAGER)
    assert lines["1 e-mail n’est pas arrivé à son école."] == "/attributions/adresses/"
    assert lines["1 tableau attend votre vérification."] == f"/imports/{one.pk}/"
    browser, _, lines = home(Role.DATA_OFFICER)
    assert lines["1 e-mail n’est pas arrivé à son école."] == "/attributions/adresses/"
    assert "/imports/nouveau/?but=portfolio" in browser.get("/attributions/adresses/").content.decode()
    assert "/attributions/adresses/" not in home(Role.VIEWER)[2].values()


def test_more_schools_to_help_than_are_named_are_a_link_away(nimes, office):
    pool = orders.grant(collectivity=nimes, licences=20, reason="Essai", name="Lot A", by=None, at=NOW)
    Entitlement.objects.update(first_day=(NOW - 60 * DAY).date())
    browser = office("nimes", MemberFactory(joined_at=NOW + DAY).user)
    for _ in range(5):
        allocate_units(pool, SchoolFactory(), units=1, at=NOW)
    Message.objects.update(state=MessageState.SENT, sent_at=NOW - 16 * DAY)
    assert "Voir les" not in collapse(browser.get("/").content.decode())
    allocate_units(pool, SchoolFactory(), units=1, at=NOW)
    Message.objects.filter(state=MessageState.QUEUED).update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)
    shown = collapse(browser.get("/").content.decode()).replace("\xa0", " ")
    for words, url, count in (
        ("Voir l’e-mail non remis", "/attributions/?situation=undelivered", 1),
        ("Voir les 5 écoles sans nouvelles", "/attributions/?situation=dormant", 5),
    ):
        assert f'href="{url}">{words}</a>' in shown
        listed = collapse(browser.get(url).content.decode()).replace("\xa0", " ")
        assert f"{count} attribution" in listed


def test_with_licences_in_store_nobody_reads_that_nothing_waits(nimes, home):
    pool = orders.grant(collectivity=nimes, licences=21, reason="Essai", name="Lot A", by=None, at=NOW)
    allocate_units(pool, SchoolFactory(), units=1, at=NOW)
    OfficeSettings.objects.create(reply_to="education@nimes.example")
    for role in Role:
        _, part, lines = home(role)
        assert "Rien n’attend" not in part
        words = "20 licences restent à donner"
        assert (f"{words}." in lines) == (role in (Role.MANAGER, Role.DATA_OFFICER))
        assert words in part
    allocate_units(pool, SchoolFactory(), units=20, at=NOW)
    assert "Rien n’attend de vous aujourd’hui" in home(Role.VIEWER)[1]
    assert "Rien n’attend de vous aujourd’hui" in home(Role.DATA_OFFICER)[1]


def test_a_lot_that_all_schools_used_up_asks_for_no_purchase(nimes, home):
    pool = orders.grant(collectivity=nimes, licences=21, reason="Essai", name="Lot A", by=None, at=NOW)
    served = PortfolioSchoolFactory()
    allocate_units(pool, served.school, units=20, at=NOW)
    assert not any("n’a plus que" in words for words in home(Role.BUYER)[2])
    PortfolioSchoolFactory()
    assert "Le lot « Lot A » n’a plus que 1 licence libre." in home(Role.BUYER)[2]
    # In its last weeks one buys the next year.
    Entitlement.objects.filter(pk=pool.entitlement_id).update(last_day=NOW.date() + datetime.timedelta(days=59))
    assert not any("n’a plus que" in words for words in home(Role.BUYER)[2])


def test_the_filled_button_is_the_next_step_of_the_role(nimes, home):
    def read_filled(role):
        browser, _, _ = home(role)
        shown = collapse(browser.get("/").content.decode())
        return re.findall(r'<a class="btn btn-primary" href="[^"]*">([^<]*)</a>', shown)

    pool = orders.grant(collectivity=nimes, licences=21, reason="Essai", name="Lot A", by=None, at=NOW)
    allocate_units(pool, SchoolFactory(), units=1, at=NOW)
    steps = {role: read_filled(role) for role in Role}
    given = {Role.MANAGER: ["Distribuer"], Role.DATA_OFFICER: ["Préparer un tableau"], Role.BUYER: [], Role.VIEWER: []}
    assert steps == given
    allocate_units(pool, SchoolFactory(), units=20, at=NOW)
    assert read_filled(Role.BUYER) == ["Acheter des licences"]


@pytest.mark.small
def test_each_role_is_led_to_its_own_way_to_give(nimes, home):
    orders.grant(collectivity=nimes, licences=260, reason="Essai", name="Lot A", by=None, at=NOW)
    words = "260 licences restent à donner."
    assert home(Role.MANAGER)[2][words] == "/distribuer/"
    assert home(Role.DATA_OFFICER)[2][words] == "/imports/nouveau/"


def test_who_may_not_remind_reads_who_may_and_from_which_day_a_school_is_late(everything, home):
    manager = MemberFactory(roles=[Role.MANAGER])
    for role in (Role.VIEWER, Role.DATA_OFFICER, Role.BUYER):
        shown = collapse(home(role)[0].get("/").content.decode())
        assert f'Pour les faire relancer, écrivez à <a href="mailto:{manager.user.email}">' in shown, role
        assert "en retard 15&nbsp;jours après l’envoi de sa clé" in shown
    shown = collapse(home(Role.MANAGER)[0].get("/").content.decode())
    assert "faire relancer" not in shown
    assert "en retard 15&nbsp;jours" in shown


def test_once_the_year_of_the_lots_is_over_the_page_names_who_may_order(nimes, home):
    then = NOW - 400 * DAY
    pool = orders.grant(collectivity=nimes, licences=5, reason="Essai", name="Lot A", by=None, at=then)
    allocate_units(pool, SchoolFactory(), units=1, at=then)
    assert "Personne dans ce bureau n’a le rôle d’acheteur" in home(Role.VIEWER)[1]
    buyer = MemberFactory(roles=[Role.BUYER])
    assert f'Peut en commander&nbsp;: <a href="mailto:{buyer.user.email}">' in home(Role.VIEWER)[1]
    assert "Voyez le prix d’un volume" in home(Role.BUYER)[1]


def test_another_office_s_things_do_not_wait_here(everything, office, gard):
    with tenant_context(gard):
        browser = office("gard", MemberFactory(roles=[Role.MANAGER, Role.BUYER]).user)
        shown = browser.get("/").content.decode()
    assert "Votre bureau, en trois étapes" in shown
    for words in ("dotation.xlsx", "Jeton", "Lot A"):
        assert words not in shown


def count_queries(browser):
    """Return how many statements but SET the page takes, beyond those of any page of the office."""
    browser.get("/")
    with CaptureQueriesContext(connection) as captured:
        assert browser.get("/").status_code == 200
    statements = [query["sql"] for query in captured if not query["sql"].startswith("SET ")]
    with CaptureQueriesContext(connection) as frame:
        browser.get("/404/")
    return len(statements), len(statements) - len([one for one in frame if not one["sql"].startswith("SET ")])


@pytest.mark.parametrize("count", [10, 1000])
def test_the_page_takes_as_many_queries_whatever_was_given(nimes, office, count):
    pool = orders.grant(collectivity=nimes, licences=count + 10, reason="Essai", by=None, at=NOW)
    demands = [Demand(uai=SchoolFactory().uai, units=1, recipient=f"e{n}@exemple.example") for n in range(count)]
    allocate_many(pool_id=pool.pk, demands=demands, by=None, at=NOW - 20 * DAY)
    Entitlement.objects.update(first_day=(NOW - 60 * DAY).date())
    Message.objects.update(state=MessageState.SENT, sent_at=NOW - 20 * DAY)
    PortfolioSchoolFactory.create_batch(10)
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER, Role.BUYER], joined_at=NOW).user)
    total, own = count_queries(browser)
    assert total <= 15
    assert own == 10


def test_with_everything_waiting_it_takes_two_more(everything, office):
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER, Role.BUYER], joined_at=NOW).user)
    assert Pool.objects.count() == 3
    _, own = count_queries(browser)
    assert own == 12
