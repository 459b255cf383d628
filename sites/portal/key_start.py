"""The pages of a key: from the link of its e-mail to an account with licences to assign, or asked for once more."""

import datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from allauth.account.adapter import get_adapter
from allauth.account.utils import complete_signup, perform_login, setup_user_email
from django import forms
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import throttling, usernames
from accounts.forms import NameAndPasswordForm, check_new_password
from accounts.known_origins import get_client_ip
from accounts.models import User
from accounts.passwords import describe_password_rules
from accounts.queries import has_account_with_address
from accounts.requests import AuthenticatedRequest
from accounts.throttling import SIGN_UP_BY_NETWORK, RateLimit, RateLimitExceeded
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import DomainError
from licensing.entitlements import key_checks, mailbox_proof, operations
from licensing.entitlements.exceptions import KeyAlreadyRedeemed, SchoolNotChosen, TooManyGuesses
from licensing.entitlements.models import ActivationKey, Seat, Subscription
from licensing.entitlements.operations import NewPrincipal
from licensing.entitlements.queries import get_key
from licensing.entitlements.wording import format_until
from licensing.pools import key_emails
from schools import affiliations
from schools.models import School
from schools.wording import format_school
from sites.portal.my_account.page import SCHOOL_SESSION_KEY
from sites.portal.school_fields import SchoolSearch, is_search
from web.access import public_page, signed_in
from web.frame import PendingPage, forget_pending_page, get_pending_page, keep_pending_page
from web.link_page import forget_link_token, get_link_token, keep_link_token
from web.page_actions import page_action

# « Je n'ai pas reçu ma clé »: resend the unredeemed keys of a school to their original recipients.
#
# Public. The answer and the work in the request are the same for every school, so that they reveal neither whether a
# key exists nor its recipient.

# High enough for a school's staff behind one IP address, low enough to stop enumeration of the directory.
LOST_KEY_LIMIT = RateLimit("lost-key/address", 10, datetime.timedelta(hours=1))


def _refuse_for_now(request: HttpRequest, refusal: RateLimitExceeded) -> HttpResponse:
    form = SchoolSearch(request.POST)
    form.add_error("school_query", str(refusal))
    return _render_page(request, form, status=429)


@public_page
@require_http_methods(["GET", "POST"])
@page_action(refused=_refuse_for_now, errors=RateLimitExceeded)
def lost_key(request: HttpRequest) -> HttpResponse:
    """Ask for the school, then queue the resending of its unredeemed keys."""
    if request.method == "GET":
        return _render_page(request, SchoolSearch(), sent="envoyee" in request.GET)
    if is_search(request.POST):
        return _render_page(request, SchoolSearch(initial=request.POST.dict()))
    form = SchoolSearch(request.POST)
    if not form.is_valid() or form.school is None:
        return _render_page(request, form, status=422)
    throttling.count_attempts([(LOST_KEY_LIMIT, throttling.get_network(get_client_ip(request)))], at=timezone.now())
    key_emails.request_resend(uai=form.school.pk)
    return redirect(reverse("lost_key", query={"envoyee": "1"}))


def _render_page(request: HttpRequest, form: SchoolSearch, *, status: int = 200, sent: bool = False) -> HttpResponse:
    return render(request, "portal/lost_key.html", {"form": form, "sent": sent}, status=status)


# The key of a visitor between its e-mail and « Mon compte »: sealed in the session, for a day.
#
# It outlasts other tabs, a sign-in, a forgotten password and the confirmation of an address; each page on the way says
# what is kept (`web.frame`).

_NAME = "activation-key"


class KeptKey(NamedTuple):
    """The code, and the token of its e-mail; empty where the key was typed."""

    code: str
    token: str


@sensitive_variables("code", "token", "kept")
def keep_key(request: HttpRequest, *, code: str, token: str, key: ActivationKey) -> None:
    """Keep a key that exists, in place of an earlier one; pages on the way say for which school it is."""
    keep_link_token(request, _NAME, f"{code}\n{token}")
    licences = formatting.pluralize(key.units, "licence")
    of_school = f", {format_school(key.school)}" if key.school is not None else ""
    keep_pending_page(request, PendingPage(reverse("key_start"), f"Votre clé est gardée : {licences}{of_school}."))


@sensitive_variables("kept", "code", "token")
def get_kept_key(request: HttpRequest) -> KeptKey | None:
    """Return the key that this browser keeps, if any."""
    page = get_pending_page(request)
    kept = get_link_token(request, _NAME) if page is not None and page.path == reverse("key_start") else None
    if kept is None:
        return None
    code, _, token = kept.partition("\n")
    return KeptKey(code, token)


def forget_key(request: HttpRequest) -> None:
    """Forget the key, which was used or is not the visitor's."""
    forget_link_token(request, _NAME)
    forget_pending_page(request)


class KeyAccountForm(NameAndPasswordForm):
    """A first name, a surname and a password; the address is the proven one, unless another is typed.

    `proven`: the mailbox that the key's link proves; empty where the key was typed, and an address is asked for.
    """

    email = forms.EmailField(label="Adresse e-mail", widget=forms.EmailInput({"autocomplete": "email"}))
    username = forms.CharField(
        label="Identifiant",
        max_length=150,
        required=False,
        help_text="S’il n’est pas libre, vous en recevrez un proche par e-mail.",
        widget=forms.TextInput({"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )

    field_order = ("first_name", "last_name", "email", "password", "username")

    def __init__(self, data: Any = None, *, proven: str) -> None:
        super().__init__(data)
        self.proven = proven
        self.fields["password"].help_text = describe_password_rules("password", known=[proven])
        if proven:
            self.fields["email"].required = False
            self.fields["email"].label = "Autre adresse e-mail"
            self.fields[
                "email"
            ].help_text = f"Elle remplacera {proven} dès que vous l’aurez confirmée : un e-mail y sera envoyé."

    def clean_username(self) -> str:
        """Return the chosen username, if any. Raises `ValidationError` for one that the sign-up page refuses too."""
        username: str = self.cleaned_data["username"].strip()
        return get_adapter().clean_username(username, shallow=True) if username else ""

    def clean(self) -> dict[str, Any]:
        """Check the password, and that a username which looks like an address is the account's own."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        address = self.proven or data.get("email") or ""
        username = data.get("username") or ""
        if "@" in username and username.lower() != address.lower():
            self.add_error("username", "L’identifiant ne peut être une adresse e-mail que si c’est celle du compte.")
        check_new_password(self, field="password", known=[self.proven])
        return data

    def get_person(self) -> NewPrincipal:
        """Return what a valid form says."""
        data = self.cleaned_data
        return NewPrincipal(
            first_name=data["first_name"],
            last_name=data["last_name"],
            password_hash=make_password(data["password"]),
            username=data["username"],
            other_email=data["email"],
        )


# The page of a key: from the link of its e-mail to an account whose licences can be assigned.
#
# The link's fragment, which no server sees, is posted once by a script; without scripts the key is typed. Whoever has
# no key that exists learns nothing here, and guessing is limited (`licensing.entitlements.operations`).


@public_page
@never_cache
@sensitive_variables("kept")
@require_safe
def key_start(request: HttpRequest) -> HttpResponse:
    """Show the kept key and the next step of this visitor; without one, ask for a key."""
    kept = get_kept_key(request)
    return render(request, "portal/key_enter.html") if kept is None else _render_key(request, kept)


def _read_key(request: HttpRequest) -> str:
    return request.POST.get("cle", "")[:200]


def _refuse_key(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    content = {"refusal": refusal, "key_typed": _read_key(request)}
    return render(request, "portal/key_enter.html", content, status=429 if isinstance(refusal, TooManyGuesses) else 409)


@sensitive_variables("kept")
def _refuse_kept(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    kept = get_kept_key(request)
    return redirect("key_start") if kept is None else _render_key(request, kept, refusal=refusal)


@public_page
@never_cache
@sensitive_post_parameters("cle", "jeton")
@require_POST
@page_action(refused=_refuse_key)
@sensitive_variables("code", "token")
def open_key(request: HttpRequest) -> HttpResponse:
    """Keep the key of a link, or one that was typed, and go on to its page."""
    code, token = _read_key(request), request.POST.get("jeton", "")[:1000]
    by = request.user if request.user.is_authenticated else None
    key = operations.look_up(code=code, by=by, address=get_client_ip(request), at=timezone.now())
    keep_key(request, code=key_checks.parse_code(code), token=token, key=key)
    return redirect("key_start")


@public_page
@never_cache
@sensitive_post_parameters("password")
@require_POST
@page_action(refused=_refuse_kept)
@sensitive_variables("kept", "form", "person")
def create_account(request: HttpRequest) -> HttpResponse:
    """Create a principal's account from the kept key; redeem it and sign in where its link proves the mailbox."""
    kept = get_kept_key(request)
    key = get_key(kept.code) if kept is not None else None
    if kept is None or key is None or key.school is None or request.user.is_authenticated:
        return redirect("key_start")
    key_checks.check_key(key, None, timezone.now())
    proven = mailbox_proof.read(kept.token, key) or ""
    form = KeyAccountForm(request.POST, proven=proven)
    if not form.is_valid():
        return _render_key(request, kept, form=form, status=422)
    if not proven:
        return _create_unconfirmed(request, kept, form, key.school)
    subscription = operations.create_account_and_redeem(
        code=kept.code, token=kept.token, person=form.get_person(), host=request.get_host(), at=timezone.now()
    )
    user = subscription.principal
    forget_key(request)
    response: HttpResponse = perform_login(request, user, redirect_url=reverse("my_account"))
    messages.success(
        request, f"votre compte est créé, avec l'identifiant « {user.username} ». {_describe(subscription)}"
    )
    return response


@sensitive_variables("kept", "form", "person")
def _create_unconfirmed(request: HttpRequest, kept: KeptKey, form: KeyAccountForm, school: School) -> HttpResponse:
    """Create the account as the sign-up page does: its address is confirmed first, and the key waits meanwhile."""
    now = timezone.now()
    try:
        throttling.count_attempts([(SIGN_UP_BY_NETWORK, throttling.get_network(get_client_ip(request)))], at=now)
    except throttling.RateLimitExceeded as throttled:
        form.add_error(None, str(throttled))
        return _render_key(request, kept, form=form, status=429)
    person = form.get_person()
    with transaction.atomic():
        user = operations.create_principal(person, email=person.other_email.lower(), school=school, at=now)
        setup_user_email(request, user, [])
        # Read by the adapter: only the e-mail says that the address was not free as a username.
        request.another_username = bool(person.username) and user.username != person.username.lower()  # type: ignore[attr-defined]
        response: HttpResponse = complete_signup(request, user, None, reverse("key_start"))
    return response


@signed_in
@never_cache
@require_POST
@page_action("my_account", refused=_refuse_kept)
@sensitive_variables("kept")
def activate_key(request: AuthenticatedRequest) -> HttpResponse | str:
    """Redeem the kept key, or claim a licence of it; for a school that was not chosen yet, choose it first."""
    user, kept, now = request.user, get_kept_key(request), timezone.now()
    key = get_key(kept.code) if kept is not None else None
    if kept is None or key is None:
        return redirect("key_start")
    with transaction.atomic():
        if "choisir" in request.POST and (school := _find_school_to_choose(key, user)) is not None:
            affiliations.choose(user=user, school=school, at=now)
        entered = operations.enter_key(
            code=kept.code, by=user, address=get_client_ip(request), at=now, school=_get_school(request)
        )
    forget_key(request)
    if isinstance(entered, Subscription) and entered.school_id:
        request.session[SCHOOL_SESSION_KEY] = entered.school_id
    return _describe(entered)


@public_page
@require_POST
def forget(request: HttpRequest) -> HttpResponse:
    """Forget the kept key."""
    forget_key(request)
    messages.success(request, "cet appareil ne garde plus votre clé : elle reste dans votre e-mail.")
    return redirect("home")


@sensitive_variables("kept")
def _render_key(
    request: HttpRequest,
    kept: KeptKey,
    *,
    form: KeyAccountForm | None = None,
    refusal: DomainError | None = None,
    status: int = 200,
) -> HttpResponse:
    """Return the page of the kept key for this visitor: a form, a button, or why it cannot be used.

    `refusal`: of what was just tried; the page reads the key anew, and may know better.
    """
    user: User | None = request.user if request.user.is_authenticated else None
    now, key = timezone.now(), get_key(kept.code)
    if key is None:
        forget_key(request)
        return redirect("key_start")
    content: dict[str, Any] = {"offer": _describe_offer(key, now), "refusal": refusal}
    is_usable = False
    try:
        key_checks.check_key(key, user, now, school=_get_school(request))
    except SchoolNotChosen as missing:
        content |= {"school_to_choose": missing.school, "school_missing": missing.school is None, "refusal": None}
    except DomainError as reason:
        if isinstance(reason, KeyAlreadyRedeemed) and user is not None and key.redeemed_by_id == user.pk:
            forget_key(request)
            messages.info(request, str(reason))
            return redirect("my_account")
        content |= {"refusal": reason, "is_refused": True, "is_redeemed": isinstance(reason, KeyAlreadyRedeemed)}
    else:
        is_usable = True
    if is_usable and user is None and key.school is not None:
        proven = mailbox_proof.read(kept.token, key) or ""
        content["form"] = form if form is not None else KeyAccountForm(proven=proven)
        content["proven"] = proven
        content["has_account"] = bool(proven) and has_account_with_address(proven)
        content["is_username_free"] = bool(proven) and usernames.is_free(proven)
    content["is_usable"] = is_usable
    if content["refusal"] is not None and status == HTTPStatus.OK and request.method == "POST":
        status = HTTPStatus.CONFLICT
    return render(request, "portal/key_start.html", content, status=status)


def _describe_offer(key: ActivationKey, at: datetime.datetime) -> dict[str, Any]:
    """Return what the page shows of a key: who gives what to which school, until when."""
    giver = key.entitlement.collectivity
    return {
        "giver": giver.name if giver is not None else "",
        "licences": formatting.pluralize(key.units, "licence"),
        "school": format_school(key.school) if key.school is not None else "",
        "until": format_until(key.entitlement, date_in_paris(at)),
        "units": key.units,
    }


def _find_school_to_choose(key: ActivationKey, user: User) -> School | None:
    """Return the school of a key whose principal has chosen none in the directory; else None."""
    try:
        key_checks.get_credited_affiliation(key, user, None)
    except SchoolNotChosen as refusal:
        return refusal.school
    return None


def _get_school(request: HttpRequest) -> str | None:
    return request.session.get(SCHOOL_SESSION_KEY) or None


def _describe(entered: Subscription | Seat) -> str:
    if not isinstance(entered, Subscription):
        return "la licence est à vous."
    licences = formatting.pluralize(entered.size, "licence")
    return f"{licences} pour votre établissement, à attribuer à vos enseignants."
