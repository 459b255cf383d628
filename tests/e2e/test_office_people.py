"""Members, schools, journal and invitations, with data; and the operator's admin."""

import datetime

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from collectivities import audit_log
from collectivities.capabilities import Role
from collectivities.operations import members as operations
from core.calendar import date_in_paris
from licensing.books.e_reporting.queries import list_statements
from licensing.books.e_reporting.reports import make_report
from licensing.catalogue.models import Seller
from licensing.classes import operations as classes
from licensing.classes import tokens
from licensing.entitlements import operations as subscriptions
from licensing.orders import operations as orders
from licensing.orders.models import Order, PublicBody
from tests.access.routes import PORTAL
from tests.e2e.page_checks import (
    assert_no_problems,
    find_problems,
    find_problems_at_both_widths,
    run_axe,
    run_axe_at_both_widths,
)
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import OperatorFactory, PrincipalFactory
from tests.factories.billing_details import PAYER_SIRET
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.orders import OrderFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed


def test_the_office_with_people_and_schools_in_it(committing, site):
    with tenant_context(committing):
        manager, other = MemberFactory(roles=[Role.MANAGER]), MemberFactory(roles=[Role.VIEWER, Role.BUYER])
        row = PortfolioSchoolFactory(contact_name="Mme Roux", contact_email="roux@exemple.example", classes=7)
        PortfolioSchoolFactory(school__email="", school__name="École primaire publique Antoine de Saint-Exupéry")
        operations.invite(email="quelquun@collectivite.example", roles=[Role.BUYER], by=None, at=timezone.now())
        for number in range(60):
            audit_log.record(action="a.b", by=manager.user, at=timezone.now(), summary=f"Ligne {number}", school_id="")
    visit = open_signed_in(site, "nimes.peps.localhost", manager.user, slug="nimes")
    found = {}
    for path in (
        "/membres/",
        f"/membres/{other.pk}/roles/",
        f"/membres/{other.pk}/retirer/",
        "/ecoles/",
        "/ecoles/ajouter/?q=exupery",
        f"/ecoles/{row.school_id}/",
        "/journal/?page=2",
    ):
        visit.open(path, slug="nimes")
        found[path] = find_problems_at_both_widths(visit)
        visit.complaints.clear()
    assert_no_problems(found)


def test_an_invited_person_comes_in_by_the_link(committing, site):
    with tenant_context(committing):
        invitation = operations.invite(email="awa@exemple.example", roles=[Role.MANAGER], by=None, at=timezone.now())
    visit = site.person(width="phone")
    page = visit.open_link(f"/invitation/#jeton={invitation.link_token}", slug="nimes")
    assert invitation.link_token not in page.url
    assert_no_problems({"invitation": find_problems(visit)})
    page.get_by_label("Prénom").fill("Awa")
    page.get_by_label("Nom", exact=False).nth(1).fill("Diop")
    page.get_by_label("Identifiant").fill("awa")
    page.get_by_label("Mot de passe", exact=False).first.fill("un mot de passe sûr")
    page.get_by_label("Confirmation").fill("un mot de passe sûr")
    page.get_by_role("button", name="Créer mon compte et entrer").click()
    page.get_by_text("votre compte est créé").wait_for()
    visit.open("/membres/", slug="nimes").get_by_text("Awa Diop").first.wait_for()


def test_the_operator_finds_somebody_under_the_admins_policy(committing, site):
    with schema_context("public"):
        operator = OperatorFactory()
    visit = open_signed_in(site, "peps.localhost", operator)
    found = {}
    for path in ("/admin/", "/admin/rechercher/", "/admin/tenants/collectivity/", "/admin/tenants/collectivity/add/"):
        visit.open(path)
        found[path] = list(visit.complaints)
        visit.complaints.clear()
    assert_no_problems(found)
    page = visit.open("/admin/rechercher/")
    page.get_by_label("Rechercher partout").fill(operator.email)
    page.get_by_role("button", name="Rechercher", exact=True).click()
    page.get_by_text(f"{operator.username} –").wait_for()


def make_period() -> str:
    """Sell to a cooperative forty days ago, and declare it; return the page of its period."""
    sold_at = timezone.now() - datetime.timedelta(days=40)
    OrderFactory(current=True, confirmed=True, at=sold_at, billing__cooperative=True)
    Seller.objects.update(e_reporting_from=date_in_paris(sold_at).replace(day=1))
    period = next(one for one in list_statements(day=date_in_paris(timezone.now())) if one.to_declare)
    make_report(kind=period.kind, begins_on=period.period.begins_on, by=None, at=timezone.now())
    return reverse("admin:e_reporting_period", args=[period.kind, period.period.begins_on], urlconf=PORTAL)


def test_every_list_and_detail_page_of_the_admin_has_no_problems(committing, site):
    with tenant_context(committing):
        pool = orders.grant(collectivity=committing, licences=10, reason="Essai", by=None, at=timezone.now())
        school = SchoolFactory()
        principal = AffiliationFactory(user=PrincipalFactory(), school=school).user
        subscription = mark_redeemed(allocate_units(pool, school, units=3), principal)
        seat = subscriptions.assign(subscription_id=subscription.pk, teacher=principal, by=principal, at=timezone.now())
        classes.open_class(seat_id=seat.pk, by=principal, name="CE1 B", at=timezone.now())
        tokens.create(name="Application", by=None, at=timezone.now())
        period = make_period()
        OrderFactory(current=True, scanned=True)
        OrderFactory(current=True, paid_by_card=True)
        sold = OrderFactory(current=True, confirmed=True)
        PublicBody.objects.create(siret=PAYER_SIRET, name="Ville de Nîmes", changed_at=timezone.now())
        operator = OperatorFactory()
        paths = [reverse("admin:index", urlconf=PORTAL), reverse("admin:tenants_collectivity_add", urlconf=PORTAL)]
        paths.append(reverse("admin:billing_invoice_batch", urlconf=PORTAL))
        paths.append(reverse("admin:bank_statementline_reconciliation", urlconf=PORTAL))
        paths.append(period)
        paths.append(reverse("admin:orders_order_action", args=[sold.pk, "reglement"], urlconf=PORTAL))
        paths.append(reverse("admin:orders_order_action", args=[sold.pk, "avoir-partiel"], urlconf=PORTAL))
        order_card = reverse("admin:orders_order_change", args=[Order.objects.first().pk], urlconf=PORTAL)
        # From the registry, so that a new list cannot be forgotten.
        for model in admin.site._registry:  # noqa: SLF001 - no public way to ask what is registered
            base = f"admin:{model._meta.app_label}_{model._meta.model_name}"  # noqa: SLF001 - documented
            paths.append(reverse(f"{base}_changelist", urlconf=PORTAL))
            if (first := model._default_manager.first()) is not None:  # noqa: SLF001 - documented
                paths.append(reverse(f"{base}_change", args=[first.pk], urlconf=PORTAL))
    visit = open_signed_in(site, "peps.localhost", operator)
    # At phone width the theme lays out each kind of page alike: one of each is enough.
    on_a_telephone = {*paths[:5], reverse("admin:orders_order_changelist", urlconf=PORTAL), order_card}
    found = {}
    for path in paths:
        visit.open(path)
        # Lists scroll sideways and the menu is off-screen: only axe and the console are checked.
        look = run_axe_at_both_widths if path in on_a_telephone else run_axe
        found[path] = [*look(visit.page), *visit.complaints]
        visit.complaints.clear()
    assert_no_problems(found)


def test_the_operator_records_a_purchase_order_and_its_payment(committing, site):
    with schema_context("public"):
        order = OrderFactory(current=True, scanned=True)
        operator = OperatorFactory()
    visit = open_signed_in(site, "peps.localhost", operator)
    # In the admin, as from the queue: its page says what to do.
    page = visit.open(reverse("admin:orders_order_change", args=[order.pk], urlconf=PORTAL))
    page.get_by_text("Refuser le document fait reprendre").wait_for()
    page.get_by_role("link", name="Confirmer le bon de commande et facturer").click()
    page.get_by_text("sous le numéro suivant").wait_for()
    page.get_by_role("button", name="Confirmer le bon de commande et facturer").click()
    page.get_by_text("Facturée, 199,00 € à régler").wait_for()
    page.get_by_role("link", name="Enregistrer un règlement").click()
    page.get_by_label("Référence").fill("Chèque 0012")
    page.get_by_role("button", name="Enregistrer un règlement").click()
    page.get_by_text("Droits fermes jusqu’au").wait_for()
    assert_no_problems({"desk": visit.complaints})
