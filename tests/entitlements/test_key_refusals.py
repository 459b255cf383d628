"""Every refusal of a key, for a principal and a teacher: its message and how to fix it."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from accounts.models import User
from core.exceptions import DomainError
from licensing.entitlements import keys, operations
from licensing.entitlements.models import EntitlementKind
from tests.conftest import TERM
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.refusals import refuses

LATER = TERM + datetime.timedelta(hours=1)
EXPIRED = datetime.datetime(2027, 9, 1, 0, 0, tzinfo=TERM.tzinfo)


@dataclass
class RefusalCase:
    """`arrange` returns the code to enter and the user; `message` and `remedy` must be in the message."""

    arrange: Callable[[SchoolScenario], tuple[str, User]]
    code: str
    message: str
    remedy: str
    at: datetime.datetime = TERM


def typo(by):
    return lambda jaures: ("7K3M-Q9TX-0000", by(jaures))


def short(by):
    return lambda jaures: ("7K3M-Q9TX", by(jaures))


def unknown(by):
    return lambda jaures: (keys.generate(), by(jaures))


def with_key(by, **fields):
    return lambda jaures: (jaures.key(**fields)[0], by(jaures))


def with_subscription(by, units=3):
    return lambda jaures: (jaures.subscription(units)[0], by(jaures))


def from_the_shop(arrange):
    def without_collectivity(jaures):
        jaures.entitlement.kind, jaures.entitlement.collectivity = EntitlementKind.SHOP, None
        jaures.entitlement.save()
        return arrange(jaures)

    return without_collectivity


def suspended(arrange, *, owed=True):
    def suspend(jaures):
        typed = arrange(jaures)
        jaures.entitlement.suspended_at, jaures.entitlement.unpaid_until = TERM, TERM.date() if owed else None
        jaures.entitlement.save()
        return typed

    return suspend


def provisional_rights_over(arrange):
    def end(jaures):
        typed = arrange(jaures)
        jaures.entitlement.provisional_until = TERM.date() - datetime.timedelta(days=1)
        jaures.entitlement.save()
        return typed

    return end


def principal(jaures):
    return jaures.principal


def teacher(_jaures):
    return TeacherFactory()


def principal_elsewhere(_jaures):
    return AffiliationFactory(user=PrincipalFactory(), school=SchoolFactory(name="École des Garrigues")).user


def all_taken(jaures):
    code, _ = jaures.subscription(units=1)
    operations.claim(code=code, by=TeacherFactory(), at=TERM)
    return code, TeacherFactory()


def several_taken(jaures):
    code, _ = jaures.subscription(units=2)
    for _ in range(2):
        operations.claim(code=code, by=TeacherFactory(), at=TERM)
    return code, TeacherFactory()


def with_claimed_seat(jaures):
    code, _ = jaures.subscription()
    holder = TeacherFactory()
    operations.claim(code=code, by=holder, at=TERM)
    return code, holder


def withdrawn(jaures):
    code, holder = with_claimed_seat(jaures)
    operations.release(seat_id=holder.seats.get().pk, by=jaures.principal, at=LATER)
    return code, holder


PRINCIPAL = {
    "a typo": RefusalCase(typo(principal), "typo", "faute de frappe", "comparez-la à celle de l'e-mail"),
    "too short": RefusalCase(short(principal), "typo", "il en manque", "trois groupes de quatre"),
    "no such key": RefusalCase(unknown(principal), "unknown_key", "n'existe pas", "répondez à cet e-mail"),
    "another school's": RefusalCase(
        with_key(principal_elsewhere), "key_of_another_school", "destinée à l'établissement École Jean Jaurès (Nîmes)",
        "transmettez-lui l'e-mail",
    ),
    "no school chosen": RefusalCase(
        with_key(lambda _: PrincipalFactory()), "school_not_chosen", "n'a pas été choisi dans l'annuaire",
        "rejoignez-le",
    ),
    "redeemed by oneself": RefusalCase(
        with_subscription(principal), "already_redeemed", "Vous avez déjà activé cette clé le 24",
        "dans vos abonnements",
    ),
    "redeemed by a colleague": RefusalCase(
        with_subscription(lambda jaures: jaures.add_principal(verified=True)), "already_redeemed",
        "de votre établissement",
        "vous pouvez les attribuer comme les vôtres",
    ),
    "redeemed, not verified": RefusalCase(
        with_subscription(lambda jaures: jaures.add_principal()), "already_redeemed", "par un autre compte",
        "faites vérifier votre direction",
    ),
    "revoked": RefusalCase(
        with_key(principal, revoked_at=TERM), "key_revoked", "reprise le 24", "Écrivez à Ville de Nîmes",
    ),
    "expired": RefusalCase(
        with_key(principal), "key_expired", "jusqu'au 31\N{NO-BREAK SPACE}août 2027 inclus",
        "à qui vous l'avait envoyée", at=EXPIRED,
    ),
    "expired, from the shop": RefusalCase(
        from_the_shop(with_key(principal)), "key_expired", "jusqu'au 31", "dans la boutique", at=EXPIRED,
    ),
    "suspended": RefusalCase(
        suspended(with_key(principal)), "key_suspended", "La commande de Ville de Nîmes attend son règlement",
        "reprendront d'elles-mêmes",
    ),
    "suspended, given or paid for": RefusalCase(
        suspended(with_key(principal), owed=False), "key_suspended", "Les licences de Ville de Nîmes sont suspendues",
        "dès qu'elles seront rétablies",
    ),
    "suspended, paid for in the shop": RefusalCase(
        from_the_shop(suspended(with_key(principal), owed=False)), "key_suspended", "Ces licences sont suspendues",
        "dès qu'elles seront rétablies",
    ),
    "provisional rights over": RefusalCase(
        provisional_rights_over(with_key(principal)), "key_suspended", "Ville de Nîmes ont pris fin le 23",
        "il n'y a rien à ressaisir",
    ),
}  # fmt: skip

TEACHER = {
    "a typo": RefusalCase(typo(teacher), "typo", "faute de frappe", "groupe par groupe"),
    "no such key": RefusalCase(unknown(teacher), "unknown_key", "n'existe pas", "demandez-lui de vous la renvoyer"),
    "revoked": RefusalCase(
        with_key(teacher, revoked_at=TERM), "key_revoked", "reprise le 24", "Demandez une autre clé à votre chef",
    ),
    "expired": RefusalCase(
        with_subscription(teacher), "key_expired", "jusqu'au 31", "Demandez à votre chef d'établissement", at=EXPIRED,
    ),
    "suspended": RefusalCase(
        suspended(with_subscription(teacher)), "key_suspended", "attend son règlement", "reprendront d'elles-mêmes",
    ),
    "provisional rights over": RefusalCase(
        provisional_rights_over(with_subscription(teacher)), "key_suspended", "faute de bon de commande signé",
        "Rien n'est perdu",
    ),
    "not activated yet": RefusalCase(
        with_key(teacher), "not_yet_redeemed", "n'a pas encore activé", "Demandez-lui de la saisir",
    ),
    "the only unit taken": RefusalCase(all_taken, "no_seat_left", "La seule licence",
    "d'en libérer une"),
    "no unit left": RefusalCase(
        several_taken, "no_seat_left", "Les 2 licences", "Demandez à votre chef d'établissement"
    ),
    "served already": RefusalCase(with_claimed_seat, "already_served", "Vous détenez déjà", "il n'y a rien à saisir"),
    "withdrawn": RefusalCase(
        withdrawn, "withdrawn", "vous a retiré cette licence", "Voyez avec elle", at=LATER,
    ),
}  # fmt: skip


def refusal(action, case, jaures):
    code, by = case.arrange(jaures)
    with pytest.raises(DomainError) as refused:
        action(code=code, by=by, at=case.at)
    return refused.value


@pytest.mark.parametrize("name", PRINCIPAL)
def test_a_principal_s_refusal_says_why_and_how_to_fix_it(jaures, name):
    case = PRINCIPAL[name]
    error = refusal(operations.redeem, case, jaures)
    assert error.code == case.code
    assert case.message in str(error)
    assert case.remedy in str(error)


@pytest.mark.parametrize("name", TEACHER)
def test_a_teacher_s_refusal_says_why_and_how_to_fix_it(jaures, name):
    case = TEACHER[name]
    error = refusal(operations.claim, case, jaures)
    assert error.code == case.code
    assert case.message in str(error)
    assert case.remedy in str(error)


def test_a_wrong_profile_learns_which_account_is_needed(jaures):
    code, _ = jaures.key()
    for action, by in ((operations.redeem, TeacherFactory()), (operations.claim, PrincipalFactory())):
        with refuses("not_for_this_profile", match="Seul un compte"):
            action(code=code, by=by, at=TERM)
