"""Acts of the simulated year at school: keys, licences, teachers, classes, and what is asked for or given back."""

import re
from collections.abc import Sequence

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Q
from django_tenants.utils import tenant_context

from accounts.models import User
from core.formatting import of_name
from licensing.catalogue.pricing import PUPILS_PER_CLASS
from licensing.classes import handovers, operations
from licensing.classes.handovers import receive
from licensing.classes.operations import list_offers
from licensing.classes.pupils import add_pupils
from licensing.entitlements import operations as subscriptions
from licensing.entitlements.office_keys import find_entitlements
from licensing.entitlements.operations import NewPrincipal, create_account_and_redeem
from licensing.pools.models import Allocation
from licensing.reminders import operations as reminders
from licensing.requests.invitations import operations as invitations
from licensing.requests.returns import operations as returns
from licensing.requests.returns.models import ReturnRequest
from licensing.requests.school_requests import operations as requests
from licensing.requests.school_requests.models import LicenceRequest, TeacherRequest
from licensing.requests.school_requests.operations import GrantedUnits
from schools import principals
from schools.models import Affiliation
from sites.demo.people import INVITATION, PASSWORD
from sites.demo.year.places import OfficeStory, SchoolPlan
from sites.demo.year.world import YearWorld


def ask_principal(world: YearWorld, *, plan: SchoolPlan, place: int) -> None:
    """Have a teacher ask the head for a licence."""
    requests.ask_principal(uai=plan.uai, **world.by(plan.teachers[place]))


def refuse_teacher(world: YearWorld, *, plan: SchoolPlan, place: int, sentence: str) -> None:
    """Have the head refuse a teacher's request."""
    asked = TeacherRequest.objects.pending().get(teacher=world.user(plan.teachers[place]))
    requests.refuse_teacher_request(request_id=asked.pk, sentence=sentence, **world.by(plan.head))


def ask_collectivity(world: YearWorld, *, plan: SchoolPlan, year: int, units: int, reason: str) -> None:
    """Have the head ask the collectivity for more licences."""
    requests.ask_collectivity(
        uai=plan.uai,
        collectivity_id=world.office(plan.office).pk,
        school_year=year,
        units=units,
        reason=reason,
        **world.by(plan.head),
    )


def decide(
    world: YearWorld, *, office: OfficeStory, sentence: str, accepted: Sequence[str], refused: Sequence[str]
) -> None:
    """Have the manager answer what waits: some together by a gift, others by a sentence."""
    waiting = {one.school_id: one for one in LicenceRequest.objects.pending().filter(collectivity=world.office(office))}
    by = world.user(office.manager)
    with tenant_context(world.office(office)):
        if accepted:
            grants = [GrantedUnits(waiting[uai].pk, waiting[uai].units) for uai in accepted]
            pool = world.get_pool(office, world.story.ends_in)
            requests.accept_requests(pool_id=pool.pk, grants=grants, by=by, at=world.at)
        if refused:
            ids = [waiting[uai].pk for uai in refused]
            requests.refuse_requests(request_ids=ids, sentence=sentence, by=by, at=world.at)


def give_back(world: YearWorld, *, plan: SchoolPlan, year: int, units: int) -> None:
    """Have the head give unused licences back, unasked."""
    returns.give_back(subscription_id=world.get_subscription(plan, year).pk, units=units, **world.by(plan.head))


def ask_back(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the manager ask every school for what it does not use."""
    with tenant_context(world.office(office)):
        given = Allocation.objects.filter(revoked_at=None, pool=world.get_pool(office, world.story.ends_in))
        returns.ask_many(allocation_ids=list(given.values_list("pk", flat=True)), **world.by(office.manager))


def answer_return(world: YearWorld, *, plan: SchoolPlan, year: int, kept: str) -> None:
    """Have the head give what the collectivity asked for, or keep it with a sentence."""
    subscription = world.get_subscription(plan, year)
    asked = ReturnRequest.objects.open_at(world.at).get(key=subscription.key_id)
    by = world.user(plan.head)
    if kept:
        returns.keep(request_id=asked.pk, by=by, at=world.at, comment=kept)
    else:
        returns.give_back(subscription_id=subscription.pk, units=asked.units, by=by, at=world.at)


#: Where the receiving teachers type the code.
_ADDRESS = "192.0.2.10"
#: Pupils who change teacher.
_HANDED_OVER = 6


def open_class(world: YearWorld, *, plan: SchoolPlan, year: int, place: int, level: str, pupils: int) -> None:
    """Have a teacher open the class of their seat, with its pupils."""
    teacher = world.user(plan.teachers[place])
    seat = world.get_seat(plan, year, place)
    classroom = operations.open_class(
        seat_id=seat.pk, by=teacher, name=f"{level} {of_name(teacher.first_name)}", at=world.at
    )
    add_pupils(classroom_id=classroom.pk, count=pupils, by=teacher, at=world.at)


def carry_on(world: YearWorld, *, plan: SchoolPlan, year: int, place: int) -> None:
    """Have a teacher take along the class of the year before, all pupils with it."""
    teacher = world.user(plan.teachers[place])
    seat = world.get_seat(plan, year, place)
    [offer] = list_offers(teacher, at=world.at)
    numbers = list(offer.classroom.pupils.values_list("number", flat=True))
    operations.carry_on(
        classroom_id=offer.classroom.pk,
        seat_id=seat.pk,
        numbers=numbers,
        name=offer.classroom.name,
        by=teacher,
        at=world.at,
    )


def hand_over(world: YearWorld, *, plan: SchoolPlan, year: int, giver: int, receiver: int) -> None:
    """Have a teacher hand pupils of the year before to a colleague, who types the code."""
    teacher, colleague = (world.user(plan.teachers[place]) for place in (giver, receiver))
    [offer] = list_offers(teacher, at=world.at)
    target = world.get_seat(plan, year, receiver).classroom
    room = PUPILS_PER_CLASS - target.pupils.count()
    taken = set(target.pupils.values_list("word", flat=True))
    movable = offer.classroom.pupils.exclude(word__in=taken).order_by("number")
    numbers = list(movable.values_list("number", flat=True)[: min(room, _HANDED_OVER)])
    if not numbers:
        return
    handover = handovers.prepare_handover(classroom_id=offer.classroom.pk, numbers=numbers, by=teacher, at=world.at)
    code = handovers.unseal_code(handover)
    receive(code=code, classroom_id=target.pk, by=colleague, address=_ADDRESS, at=world.at)


_VERIFICATION = re.compile(r"/direction/#jeton=(\S+)")


def sign_up(world: YearWorld, *, plan: SchoolPlan, places: Sequence[int]) -> None:
    """Write teachers' accounts as their sign-up does, all at once: their letters of confirmation are left out."""
    people = [plan.teachers[place] for place in places if plan.teachers[place].username not in world.users]
    users = User.objects.bulk_create(
        User(
            username=person.username,
            first_name=person.first_name,
            last_name=person.last_name,
            email=person.email,
            profile=person.profile,
            password=world.password_hash,
            date_joined=world.at,
        )
        for person in people
    )
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, primary=True, verified=True) for user in users
    )
    Affiliation.objects.bulk_create(Affiliation(user=user, school_id=plan.uai, since=world.at) for user in users)
    world.users |= {user.username: user for user in users}


def redeem_with_new_account(world: YearWorld, *, plan: SchoolPlan) -> None:
    """Have the head follow the link of the letter, create an account and redeem the key."""
    key, proof = world.book.find_latest(plan.mailbox, "key", "reminder").key_and_proof
    person = NewPrincipal(plan.head.first_name, plan.head.last_name, world.password_hash)
    subscription = create_account_and_redeem(
        code=key, token=proof, person=person, host=settings.BASE_DOMAIN, at=world.at
    )
    world.users[plan.head.username] = subscription.principal


def ask_for_verification(world: YearWorld, *, plan: SchoolPlan) -> None:
    """Have the head ask to be verified by the school's official mailbox."""
    principals.request_verification(uai=plan.uai, by=world.user(plan.head), has_subscription=True, at=world.at)


def confirm_verification(world: YearWorld, *, plan: SchoolPlan) -> None:
    """Have the head follow the link of that letter."""
    token = _VERIFICATION.search(world.book.find_latest(plan.mailbox, "principal.verification_requested").text)
    if token is None:
        raise LookupError(f"The letter about {plan.head.username} has no link.")
    principals.confirm_verification(token=token[1], replaced=(), kept=(), at=world.at)


def redeem(world: YearWorld, *, plan: SchoolPlan) -> None:
    """Have the head, who has an account, redeem the key of the letter."""
    key, _ = world.book.find_latest(plan.mailbox, "key", "reminder").key_and_proof
    subscriptions.redeem(code=key, **world.by(plan.head))


def assign(world: YearWorld, *, plan: SchoolPlan, year: int, places: Sequence[int]) -> None:
    """Have the head give licences to teachers of the list."""
    subscriptions.assign_many(
        subscription_id=world.get_subscription(plan, year).pk,
        teacher_ids=[world.user(plan.teachers[place]).pk for place in places],
        **world.by(plan.head),
    )


def invite(world: YearWorld, *, plan: SchoolPlan, year: int, places: Sequence[int]) -> None:
    """Have the head invite teachers by a pasted list of addresses."""
    people = [plan.teachers[place] for place in places]
    addresses = "\n".join(f"{one.first_name} {one.last_name} <{one.email}>" for one in people)
    invitations.invite_teachers(
        subscription_id=world.get_subscription(plan, year).pk, addresses=addresses, **world.by(plan.head)
    )


def accept_invitation(world: YearWorld, *, plan: SchoolPlan, place: int) -> None:
    """Have an invited teacher create an account by the link of the letter."""
    person = plan.teachers[place]
    letter = world.book.find_latest(person.email, "teacher.invited", "teacher.reminded")
    token = INVITATION.search(letter.text)
    if token is None:
        raise LookupError(f"The invitation of {person.username} has no link.")
    seat = invitations.accept_with_new_account(
        token=token[1], name=f"{person.first_name} {person.last_name}", password=PASSWORD, at=world.at
    )
    if seat.holder is None:
        raise LookupError(f"{person.username} got no licence.")
    world.users[person.username] = seat.holder


def claim(world: YearWorld, *, plan: SchoolPlan, place: int) -> None:
    """Have a teacher type the key that the head gave on paper."""
    key, _ = world.book.find_latest(plan.mailbox, "key", "reminder").key_and_proof
    subscriptions.claim(code=key, **world.by(plan.teachers[place]))


def replace(world: YearWorld, *, plan: SchoolPlan, year: int, place: int, successor: int) -> None:
    """Have the head give a teacher's licence, with its class, to a colleague."""
    seat = world.get_seat(plan, year, place)
    subscriptions.replace(
        seat_id=seat.pk,
        holder_id=world.user(plan.teachers[place]).pk,
        successor_id=world.user(plan.teachers[successor]).pk,
        **world.by(plan.head),
    )


def release(world: YearWorld, *, plan: SchoolPlan, year: int, place: int) -> None:
    """Have the head take a licence back from a teacher who leaves."""
    subscriptions.release(seat_id=world.get_seat(plan, year, place).pk, **world.by(plan.head))


def stop_reminders(world: YearWorld, *, plan: SchoolPlan) -> None:
    """Have whoever reads the school's mailbox click on the link that stops reminders about the key."""
    with tenant_context(world.office(plan.office)):
        of_year = find_entitlements(Q(last_day__year=world.story.ends_in))
        allocation = Allocation.objects.get(school=plan.uai, pool__entitlement__in=of_year)
        reminders.stop(allocation_id=allocation.pk, whole_school=False, at=world.at)
