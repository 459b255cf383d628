"""Checks before the invoice: Chorus Pro's requirements; a public école never pays, its commune does."""

from typing import Any

import pytest

from licensing.books.billing import operations as billing_operations
from licensing.orders import payers, siret_numbers
from licensing.orders.exceptions import BadBilling
from licensing.orders.models import Payer, PublicBody
from licensing.payments import card
from schools.models import School
from tests.conftest import TERM
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.refusals import refuses

COMMUNE_SIRET = "21940022300018"
SCHOOL_SIRET = "21940022300083"
COLLEGE_SIRET = "19300001500019"


def build_ecole(**fields):
    defaults = {"uai": "0940001X", "name": "École Jean Jaurès", "type": "Ecole", "sector": "Public", "changed_at": TERM}
    return School(**defaults | {"siret": SCHOOL_SIRET} | fields)


def build_public_body(**fields):
    return PublicBody(siret=COMMUNE_SIRET, name="COMMUNE D'ESSAI", changed_at=TERM, **fields)


def list_missing(**fields):
    defaults = {"payer": Payer.TOWN_HALL, "siret": COMMUNE_SIRET, "service_code": "", "engagement_number": ""}
    return payers.Preflight(**defaults | fields).missing


def test_the_sample_sirets_are_valid():
    assert [siret_numbers.get_error(one) for one in (COMMUNE_SIRET, SCHOOL_SIRET, COLLEGE_SIRET)] == ["", "", ""]
    assert siret_numbers.get_head_office(SCHOOL_SIRET) == COMMUNE_SIRET


@pytest.mark.parametrize(
    ("payer", "needed"),
    [
        (Payer.COLLECTIVITY, True),
        (Payer.TOWN_HALL, True),
        (Payer.COOPERATIVE, False),
        (Payer.OTHER, False),
    ],
)
def test_public_payers_need_a_siret_and_may_give_it_later(payer, needed):
    found = list_missing(payer=payer, siret="")

    assert [(one.field, one.wrong) for one in found] == ([("siret", False)] if needed else [])


def test_a_business_needs_a_siren_or_a_siret_and_may_give_it_later():
    """A company, and the body that runs a private school: the norm asks for it on their invoices (BT-47)."""
    private = build_ecole(sector="Privé", siret="")
    for payer, school in ((Payer.COMPANY, None), (Payer.SCHOOL, private)):
        (fault,) = list_missing(payer=payer, school=school, siret="")
        assert (fault.field, fault.wrong) == ("siren", False)
        assert list_missing(payer=payer, school=school, siret="", siren="213001894") == []
        assert list_missing(payer=payer, school=school, siret="21300189400012") == []


@pytest.mark.parametrize(
    ("siren", "siret", "sentence"),
    [
        ("213001895", "", "ne se vérifient pas"),
        ("21300189", "", "compte 9 chiffres"),
        ("21300189A", "", "compte 9 chiffres"),
        ("213001894", COMMUNE_SIRET, "n'est pas celui du SIRET"),
    ],
)
def test_a_siren_that_does_not_check_is_wrong(siren, siret, sentence):
    (fault,) = list_missing(payer=Payer.COMPANY, siret=siret, siren=siren)
    assert (fault.field, fault.wrong) == ("siren", True)
    assert sentence in fault.sentence


@pytest.mark.parametrize("siret", ["2194002230001", "219400223000181", "2194002230001A", "21940022300017"])
@pytest.mark.parametrize("payer", [Payer.TOWN_HALL, Payer.COOPERATIVE])
def test_a_mistyped_siret_is_wrong_whoever_pays(siret, payer):
    (fault,) = list_missing(payer=payer, siret=siret)

    assert (fault.field, fault.wrong) == ("siret", True)


@pytest.mark.parametrize("payer", [Payer.TOWN_HALL, Payer.COOPERATIVE])
def test_the_siret_of_a_public_ecole_is_refused_with_the_communes_in_its_place(payer):
    (fault,) = list_missing(payer=payer, siret=SCHOOL_SIRET, school=build_ecole())

    assert fault.wrong
    assert "pas de personnalité juridique" in fault.sentence
    assert siret_numbers.format_with_spaces(COMMUNE_SIRET) in fault.sentence


def test_a_commune_may_have_its_head_office_in_the_directory_as_its_schools():
    assert list_missing(siret=COMMUNE_SIRET, school=build_ecole(siret=COMMUNE_SIRET)) == []


def test_a_public_ecole_cannot_pay_while_a_college_or_private_school_can():
    (fault,) = list_missing(payer=Payer.SCHOOL, siret="", school=build_ecole())
    assert (fault.field, fault.wrong) == ("payer", True)

    college = build_ecole(type="Collège", siret=COLLEGE_SIRET)
    assert list_missing(payer=Payer.SCHOOL, siret=COLLEGE_SIRET, school=college) == []
    assert [one.field for one in list_missing(payer=Payer.SCHOOL, siret="", school=college)] == ["siret"]
    private = list_missing(payer=Payer.SCHOOL, siret="", school=build_ecole(sector="Privé"))
    assert [one.field for one in private] == ["siren"]


def test_a_body_asks_for_what_its_entry_in_chorus_pro_says():
    asks = {"service_required": True, "engagement_required": True}
    services = [{"code": "EDUC", "name": "Éducation"}]

    assert [one.field for one in list_missing(body=build_public_body(**asks))] == ["service_code", "engagement_number"]
    assert (
        list_missing(
            body=build_public_body(**asks, services=services), service_code="EDUC", engagement_number="2026-118"
        )
        == []
    )
    (unknown,) = list_missing(body=build_public_body(services=services), service_code="EDUX")
    assert (unknown.field, unknown.wrong) == ("service_code", False)
    assert "EDUC (Éducation)" in unknown.sentence


def test_one_of_the_two_is_enough_where_the_body_says_so():
    either = build_public_body(service_or_engagement_required=True)

    assert [one.field for one in list_missing(body=either)] == ["service_code"]
    assert list_missing(body=either, service_code="EDUC") == []
    assert list_missing(body=either, engagement_number="2026-118") == []


def test_a_public_body_is_public_whatever_was_ticked():
    assert [one.field for one in list_missing(payer=Payer.OTHER, body=build_public_body(service_required=True))] == [
        "service_code"
    ]


@pytest.mark.django_db
def test_what_is_looked_up_finds_the_body_and_the_school_that_a_collectivity_copied():
    build_ecole().save()
    build_public_body(service_required=True).save()
    fields: dict[str, Any] = {"payer": Payer.COLLECTIVITY, "service_code": "", "engagement_number": "", "school": None}

    known = payers.check_billing(siret="219 400 223 00018", **fields)
    copied = payers.check_billing(siret=SCHOOL_SIRET, **fields)
    unknown = payers.check_billing(siret="21300189400012", **fields)

    assert ([one.field for one in known.missing], known.note, known.wrong) == (["service_code"], "", [])
    assert "celui de l'école" in copied.wrong[0].sentence
    assert unknown.missing == []
    assert "demande peut-être" in unknown.note


@pytest.mark.django_db
def test_what_is_proposed_is_the_communes_never_the_ecoles_own():
    assert payers.propose_payer_siret(build_ecole()) == COMMUNE_SIRET
    assert payers.propose_payer_siret(build_ecole(), payer=Payer.SCHOOL) == ""
    assert payers.propose_payer_siret(build_ecole(siret="")) == ""
    # In the directory one has an association's SIRET, and some are mistyped.
    assert payers.propose_payer_siret(build_ecole(siret="77670213600016")) == ""
    assert payers.propose_payer_siret(build_ecole(siret="21940022300082")) == ""
    assert (
        payers.propose_payer_siret(build_ecole(type="Collège", siret=COLLEGE_SIRET), payer=Payer.SCHOOL)
        == COLLEGE_SIRET
    )
    assert payers.propose_payer_siret(None) == ""


@pytest.mark.django_db
def test_a_head_office_that_has_moved_is_proposed_as_chorus_pro_knows_it():
    PublicBody.objects.create(siret="21940022300034", name="COMMUNE D'ESSAI", changed_at=TERM)

    assert payers.propose_payer_siret(build_ecole()) == "21940022300034"


@pytest.mark.slow
@pytest.mark.django_db
def test_a_card_pays_nothing_before_its_invoice_which_follows_at_once_lacks_nothing():
    no_siret, no_engagement = (BillingDetailsFactory(siret=siret) for siret in ("", COMMUNE_SIRET))
    order = OrderFactory()
    with pytest.raises(BadBilling, match="Indiquez le SIRET de la commune") as refusal:
        actions.choose_card(order, billing=no_siret)
    assert refusal.value.field == "siret"
    build_public_body(engagement_required=True).save()
    with pytest.raises(BadBilling, match="demande un numéro d'engagement") as refusal:
        actions.choose_card(order, billing=no_engagement)
    assert refusal.value.field == "engagement_number"
    # By mandat administratif it can wait; by card it cannot.
    placed = actions.place(order, billing=no_engagement)
    with refuses("nothing_to_pay", match="demande un numéro d'engagement"):
        card.start_attempt(order_id=placed.pk, by=placed.placed_by, at=TERM)
    billing_operations.complete_billing_details(
        order_id=placed.pk, siret=COMMUNE_SIRET, service_code="", engagement_number="E 1", by=placed.placed_by, at=TERM
    )
    assert card.start_attempt(order_id=placed.pk, by=placed.placed_by, at=TERM).total == placed.total_ttc
