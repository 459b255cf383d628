"""« Mon compte » and entry into the application, with 200,000 accounts, 30,000 seats and 100,000 pupils."""

import datetime
import functools
import statistics
from collections.abc import Callable

from django.conf import settings
from django.db.models import Model
from django.utils import timezone

from accounts.models import Profile, User
from bench import account_data, licence_data
from bench.measure import Contender, Measure, MeasureGroup, peak_of_code, percentile, time_in_turn
from bench.office_data import open_browser
from bench.page_measure import PageMeasure, load_page, replay
from bench.query_plans import QueryPlans
from bench.registry import measure
from licensing.classes.entry_check import check_pupil_entry, check_user_entry
from licensing.classes.models import PupilAccount
from licensing.entitlements.models import Seat, Subscription
from schools.models import Affiliation

#: Eleven statements: the selection of the schema is none of those counted here.
MAX_QUERIES = 10
ASKED, ROUNDS = 100, 5
#: Tables for which the planner rightly chooses a sequential scan: of a few rows, or of none in this measure; and the
#: 5,000 classes, which cost less to read than fifty to look up.
SMALL = frozenset(
    {
        "entitlements_entitlement", "catalogue_product", "catalogue_schoolyear",
        "tenants_collectivity", "tenants_domain", "accounts_session", "mfa_authenticator",
        "billing_invoice", "billing_platformstatus", "invitations_teacherinvitation", "mailing_message", "orders_order",
        "requests_licencerequest", "requests_mutedletter", "requests_teacherrequest", "returns_returnrequest",
        "classes_classroom",
    }
)  # fmt: skip


@measure("my_account")
def my_account() -> MeasureGroup:
    """The page of a principal with ten subscriptions and sixty teachers; entry checks of teachers and pupils."""
    account_data.load_directory()
    account_data.create_accounts()
    principal = licence_data.create_licences()
    return MeasureGroup("my_account", (_page(principal), _entry(check_user_entry), _entry(check_pupil_entry)))


# --- The page -------------------------------------------------------------------------------------------------------


def _page(principal: User) -> PageMeasure:
    browser = open_browser(principal, settings.BASE_DOMAIN)

    def look() -> None:
        load_page(browser, "/mon-compte/")

    look()
    plans = QueryPlans(small=SMALL)
    with plans.watch():
        look()
    times = time_in_turn(
        {
            "ours": Contender(look),
            "floor": Contender(lambda: replay(plans.asked)),
            "peer": Contender(lambda: _as_usual(principal)),
        },
        rounds=15,
    )
    return PageMeasure(
        name="my_account",
        ours_s=percentile(times["ours"], 0.95),
        floor_s=percentile(times["floor"], 0.95),
        peer_s=percentile(times["peer"], 0.95),
        peak_mb=peak_of_code("from bench.my_account import look_once; look_once()"),
        floor="the page's own questions alone, their answers fetched and thrown away; 95th percentile, as the others",
        peer="the same facts as objects lead from one to the next, a question each, and no page made of them",
        plans=tuple(plans.texts()),
        full_scans=tuple(plans.full_scans()),
        queries=len(plans.asked),
        max_queries=MAX_QUERIES,
    )


def look_once() -> None:
    """Load the page's data once, in a separate process."""
    from licensing.entitlements import overview  # noqa: PLC0415

    principal = User.objects.get(username="direction")
    overview.of_principal(principal, at=timezone.now())


def _as_usual(principal: User) -> list[str]:
    loaded = []
    for affiliation in principal.affiliations.all():
        school = affiliation.school
        for subscription in Subscription.objects.filter(school=school):
            entitlement = subscription.key.entitlement
            loaded.append(
                f"{entitlement.product} {entitlement.last_day} {entitlement.collectivity} {subscription.principal}"
            )
            loaded += [f"{seat.holder} {seat.held_since}" for seat in subscription.seats.all() if seat.holder_id]
        for other in Affiliation.objects.filter(school=school, user__profile=Profile.TEACHER):
            held = [seat.subscription.key.entitlement.last_day for seat in other.user.seats.all()]
            loaded.append(f"{other.user} {held}")
    return loaded


# --- Entry checks ---------------------------------------------------------------------------------------------------


def _entry(check: Callable[[int, datetime.datetime], object]) -> Measure:
    now = timezone.now()
    model: type[Model] = User if check is check_user_entry else PupilAccount
    usual: Callable[[int], object]
    if model is User:
        ids = list(Seat.objects.held().order_by("pk").values_list("holder_id", flat=True)[: ASKED * 50 : 50])
        usual = _teacher_as_usual
    else:
        ids = list(PupilAccount.objects.order_by("pk").values_list("pk", flat=True)[: ASKED * 500 : 500])
        usual = _pupil_as_usual
    plans = QueryPlans()
    with plans.watch():
        for number in ids:
            check(number, now)
    if len(plans.asked) != len(ids):
        raise RuntimeError(f"{len(plans.asked)} questions for {len(ids)} answers.")
    times: dict[str, list[float]] = {"ours": [], "floor": [], "peer": []}
    for number in ids:
        turns = time_in_turn(
            {
                "ours": Contender(functools.partial(check, number, now)),
                "floor": Contender(functools.partial(model._default_manager.get, pk=number)),  # noqa: SLF001
                "peer": Contender(functools.partial(usual, number)),
            },
            rounds=ROUNDS,
        )
        for contender, each in turns.items():
            times[contender].append(statistics.median(each))
    return Measure(
        name=check.__name__,
        ours_s=percentile(times["ours"], 0.95),
        floor_s=percentile(times["floor"], 0.95),
        peer_s=percentile(times["peer"], 0.95),
        peak_mb=peak_of_code(
            "from django.utils import timezone\n"
            f"from licensing.classes.entry_check import {check.__name__}\n"
            f"{check.__name__}({ids[0]}, timezone.now())"
        ),
        floor="the person's own row by primary key; 95th percentile, as the others",
        peer="the same rows as objects lead from one to the next, a question each",
        plans=tuple(plans.texts()),
        full_scans=tuple(plans.full_scans()),
    )


def _teacher_as_usual(number: int) -> list[object]:
    user = User.objects.get(pk=number)
    loaded: list[object] = [user.is_active]
    for seat in user.seats.all():
        loaded += [seat.subscription.key.entitlement.last_day, getattr(seat, "classroom", None)]
    loaded += [shared.seat.subscription.key.entitlement.last_day for shared in user.shared_classes.all()]
    return loaded


def _pupil_as_usual(number: int) -> list[object]:
    pupil = PupilAccount.objects.get(pk=number)
    seat = pupil.classroom.seat
    return [pupil.last_seen_at, seat.holder, seat.subscription.key.entitlement.last_day]
