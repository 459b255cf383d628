"""The letter about licences that teachers take: one a principal, subscription and half hour, true when it leaves."""

import datetime
import functools

import pytest
from django_tenants.utils import schema_context

from accounts.models import User
from core.exceptions import DomainError
from core.text_templates import read_text_template
from licensing.entitlements import operations
from licensing.entitlements.notifications import SEAT_TAKEN, TAKING_PERIOD
from mailing import dispatch
from mailing.kinds import NoLongerDue
from schools.models import Affiliation
from sites.portal.privacy import close_account
from tests.conftest import TERM
from tests.emails import list_emails, render_email, render_only_email
from tests.factories.accounts import TeacherFactory
from tests.races import run_concurrently
from tests.tenant_guard import allowing_all_schemas

MINUTE = datetime.timedelta(minutes=1)
ONE_TYPED = """Bonjour {principal.first_name},

{teacher} ({teacher.email}) a saisi la clé de votre abonnement et bénéficie désormais d'une licence.

Si vous n'avez pas transmis la clé à cette personne, retirez-lui la licence depuis votre compte.

Abonnement « {product} » : 1\xa0licence sur 3 est utilisée.
"""
TWO_TYPED = """2\xa0enseignants ont saisi la clé de votre abonnement et bénéficient désormais chacun d'une licence :
– {first} ({first.email})
– {second} ({second.email})

Si vous n'avez pas transmis la clé à l'une de ces personnes, retirez-lui la licence depuis votre compte.

Abonnement « {product} » : 2\xa0licences sur 3 sont utilisées.
"""


def claim(jaures, code, teacher=None, *, at=TERM):
    teacher = teacher or TeacherFactory()
    return operations.claim(code=code, by=teacher, at=at), teacher


@pytest.mark.slow
def test_a_verified_principal_reads_who_typed_the_key(jaures):
    code, _ = jaures.subscription()
    _, teacher = claim(jaures, code)
    letter = render_only_email(SEAT_TAKEN)
    product = jaures.entitlement.product
    assert letter.subject == "Une clé de votre établissement a été saisie : 1\xa0licence sur 3 en usage"
    assert letter.text.startswith(ONE_TYPED.format(principal=jaures.principal, teacher=teacher, product=product))


@pytest.mark.slow
def test_two_teachers_within_half_an_hour_are_one_letter(jaures):
    code, _ = jaures.subscription()
    _, first = claim(jaures, code)
    _, second = claim(jaures, code, at=TERM + 29 * MINUTE)
    [message] = list_emails(SEAT_TAKEN)
    assert message.due_at == TERM + TAKING_PERIOD == TERM + 30 * MINUTE
    letter = render_email(message)
    assert letter.subject == "2\xa0enseignants ont saisi une clé de votre établissement : 2\xa0licences sur 3 en usage"
    assert TWO_TYPED.format(first=first, second=second, product=jaures.entitlement.product) in letter.text
    assert f"– {first} ({first.email})<br>" in letter.html.replace("&#x27;", "'")


@pytest.mark.slow
def test_the_letter_that_left_is_followed_by_another(jaures):
    code, _ = jaures.subscription()
    claim(jaures, code)
    with schema_context("public"):
        assert len(dispatch.claim(limit=10, at=TERM + TAKING_PERIOD)) == 1
    _, second = claim(jaures, code, at=TERM + TAKING_PERIOD)
    first_letter, second_letter = list_emails(SEAT_TAKEN)
    assert second_letter.context["events"] == [[second.seats.get().pk, second.pk, "typed"]]
    assert second_letter.due_at == first_letter.due_at + TAKING_PERIOD


@pytest.mark.slow
def test_licences_of_two_keys_are_two_letters(jaures):
    for _ in range(2):
        code, _ = jaures.subscription()
        claim(jaures, code)
    assert len(list_emails(SEAT_TAKEN)) == 2


@pytest.mark.slow
def test_an_unverified_principal_reads_no_name(jaures):
    code, _ = jaures.subscription(exposed_at=TERM)
    _, first = claim(jaures, code)
    text = render_only_email(SEAT_TAKEN).text
    assert "Un enseignant a saisi" in text
    _, second = claim(jaures, code)
    letter = render_only_email(SEAT_TAKEN)
    assert "2\xa0enseignants ont saisi la clé de votre abonnement et bénéficient désormais chacun d'une" in letter.text
    for teacher in (first, second):
        assert teacher.last_name not in text + letter.text + letter.html


@pytest.mark.slow
def test_a_licence_that_was_withdrawn_meanwhile_is_left_out(jaures):
    code, _ = jaures.subscription()
    seat, gone = claim(jaures, code)
    _, stays = claim(jaures, code)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=TERM + MINUTE)
    letter = render_only_email(SEAT_TAKEN)
    assert letter.subject.startswith("Une clé de votre établissement a été saisie : 1\xa0licence")
    assert str(stays) in letter.text
    assert gone.email not in letter.text


@pytest.mark.slow
def test_no_letter_leaves_when_all_were_withdrawn(jaures):
    code, _ = jaures.subscription()
    seat, _ = claim(jaures, code)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=TERM + MINUTE)
    with pytest.raises(NoLongerDue, match="retirées"):
        render_only_email(SEAT_TAKEN)


@pytest.mark.slow
def test_of_a_licence_that_changed_hands_its_holder_is_named(jaures):
    code, _ = jaures.subscription(units=1)
    seat, first = claim(jaures, code)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=TERM + MINUTE)
    _, second = claim(jaures, code, at=TERM + 2 * MINUTE)
    letter = render_only_email(SEAT_TAKEN)
    assert second.email in letter.text
    assert first.email not in letter.text


@pytest.mark.slow
def test_a_licence_given_to_a_colleague_meanwhile_is_left_out(jaures):
    code, _ = jaures.subscription(units=1)
    seat, teacher = claim(jaures, code, jaures.teacher())
    operations.replace(
        seat_id=seat.pk, holder_id=teacher.pk, successor_id=jaures.teacher().pk, by=jaures.principal, at=TERM + MINUTE
    )
    with pytest.raises(NoLongerDue):
        render_only_email(SEAT_TAKEN)


@pytest.mark.slow
def test_a_teacher_whose_account_is_closed_meanwhile_is_not_named(jaures):
    code, _ = jaures.subscription()
    _, teacher = claim(jaures, code)
    with allowing_all_schemas():
        close_account(user_id=teacher.pk, at=TERM + MINUTE)
    with pytest.raises(NoLongerDue):
        render_only_email(SEAT_TAKEN)


@pytest.mark.slow
def test_a_principal_who_closes_their_account_is_not_written_to(jaures):
    code, _ = jaures.subscription()
    colleague = jaures.add_principal(verified=True)
    claim(jaures, code)
    with allowing_all_schemas():
        close_account(user_id=jaures.principal.pk, at=TERM + MINUTE)
    claim(jaures, code, at=TERM + 2 * MINUTE)
    erased, kept = list_emails(SEAT_TAKEN)
    assert (erased.recipient, erased.context, erased.state) == ("", {}, "cancelled")
    assert (kept.recipient, len(kept.context["events"])) == (colleague.email, 2)


@pytest.mark.slow
def test_a_principal_whose_verification_ended_meanwhile_reads_no_name(jaures):
    code, _ = jaures.subscription()
    _, teacher = claim(jaures, code)
    Affiliation.objects.filter(user=jaures.principal).update(verified_at=None, verified_by="")
    letter = render_only_email(SEAT_TAKEN)
    assert "Un enseignant a saisi" in letter.text
    assert teacher.last_name not in letter.text


@pytest.mark.slow
def test_thirty_teachers_are_a_list_read_in_few_queries(jaures, django_assert_max_num_queries):
    code, _ = jaures.subscription(units=30)
    teachers = [claim(jaures, code)[1] for _ in range(30)]
    [message] = list_emails(SEAT_TAKEN)
    with django_assert_max_num_queries(8):
        letter = render_email(message)
    assert (
        letter.subject == "30\xa0enseignants ont saisi une clé de votre établissement : 30\xa0licences sur 30 en usage"
    )
    lines = [line for line in letter.text.splitlines() if line.startswith("– ")]
    assert lines == [f"– {teacher} ({teacher.email})" for teacher in teachers]


@pytest.mark.slow
def test_teachers_who_type_the_key_at_once_are_one_letter(committing, committed_jaures):
    code, _ = committed_jaures.subscription(units=8)
    teachers = TeacherFactory.create_batch(8)
    run_concurrently(
        committing.schema_name,
        [functools.partial(operations.claim, code=code, by=teacher, at=TERM) for teacher in teachers],
        expected_errors=DomainError,
    )
    [message] = list_emails(SEAT_TAKEN)
    assert sorted(teacher for _, teacher, _ in message.context["events"]) == sorted(one.pk for one in teachers)


LEA, PAUL = (User(first_name=first, last_name="Martin", email=f"{first}@x.example") for first in ("Léa", "Paul"))


@pytest.mark.parametrize(
    ("typed", "accepted", "words"),
    [
        ([LEA], [], "Une clé de votre établissement a été saisie"),
        ([], [LEA], "Léa Martin a accepté votre invitation"),
        ([LEA, PAUL], [], "2\xa0enseignants ont saisi une clé de votre établissement"),
        ([], [LEA, PAUL], "2\xa0enseignants ont accepté votre invitation"),
        ([LEA], [PAUL], "2\xa0enseignants de plus ont une licence"),
    ],
)
def test_the_subject_says_what_happened(typed, accepted, words):
    assert read_taken(typed, accepted)[0] == f"{words} : 2 licences sur 3 en usage"


def read_taken(typed, accepted, *, may_see_names=True):
    """Return the subject and the paragraphs of the letter, but the last, which counts."""
    parts = read_text_template(
        "entitlements/emails/taken.txt",
        {
            "typed": typed,
            "accepted": accepted,
            "count": len(typed) + len(accepted),
            "may_see_names": may_see_names,
            "line_break": "\n",
            "licence": "Pep's",
            "held": 2,
            "size": 3,
            "use": "2 licences sur 3 en usage",
        },
    )
    return parts[""][:-1]


def test_each_sentence_has_its_singular_and_its_plural():
    assert read_taken([], [LEA])[1:] == [
        "Léa Martin (Léa@x.example) a accepté votre invitation et bénéficie désormais d'une licence.",
        "Ce n'est pas la personne que vous avez invitée ? Retirez-lui la licence depuis votre compte.",
    ]
    assert read_taken([], [LEA, PAUL])[1:] == [
        (
            "2\xa0enseignants ont accepté votre invitation et bénéficient désormais chacun d'une licence :\n"
            "– Léa Martin (Léa@x.example)\n– Paul Martin (Paul@x.example)"
        ),
        "L'une de ces personnes n'est pas celle que vous avez invitée ? Retirez-lui la licence depuis votre compte.",
    ]
    assert read_taken([LEA, PAUL], [], may_see_names=False)[1] == (
        "2\xa0enseignants ont saisi la clé de votre abonnement et bénéficient désormais chacun d'une licence."
    )
