"""Pupils' pages, in words that a six-year-old understands, and the way into the learning application."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from accounts import known_origins
from core.exceptions import DomainError
from licensing.classes import operations, pupil_session, tickets, words
from licensing.classes.entry_check import EntryDecision, UnknownPerson, check_pupil_entry
from licensing.classes.exceptions import TooManyAttempts, WrongCredentials
from licensing.classes.forms import PupilSignInForm
from licensing.classes.pupil_session import PupilRequest, pupil_page
from licensing.classes.words import find_mistakes
from web.access import public_page

# « Accéder à l'application »: redirect to the learning application with a ticket, or explain why not.
#
# Reached by a link, never a form: under `form-action 'self'` browsers block a form that redirects to another host. For
# the same reason a user who had to sign in first is shown a page with the link again.

#: Query parameter of the URL to which signing in redirects.
SIGNED_IN_PARAM = "connexion"


@public_page
@require_GET
@never_cache
@sensitive_variables("address")
def enter_application(request: HttpRequest) -> HttpResponse:
    """Redirect to the application where the person may enter; ask visitors to sign in."""
    person, entry = _check_visitor(request)
    if person is None or entry is None:
        back = urlencode({"next": f"{reverse('application')}?{SIGNED_IN_PARAM}"})
        return render(request, "classes/application_sign_in.html", {"sign_in": f"{reverse('account_login')}?{back}"})
    if not entry.allowed:
        if person.kind == "pupil":
            # The pupil's page explains it in words for a child.
            return redirect("classes:pupil_class")
        return render(request, "classes/application_closed.html", {"entry": entry})
    if SIGNED_IN_PARAM in request.GET:
        return render(request, "classes/application_ready.html")
    address = tickets.build_url(tickets.create(person=person, at=timezone.now()))
    # Keep the ticket out of the referrer that the application's pages send.
    return HttpResponseRedirect(address, headers={"Referrer-Policy": "no-referrer"})


def _check_visitor(request: HttpRequest) -> tuple[tickets.ApplicationUser | None, EntryDecision | None]:
    """Return the signed-in teacher or pupil and whether they may enter; (None, None) for a visitor."""
    if request.user.is_authenticated:
        person = tickets.ApplicationUser("teacher", request.user.pk)
    elif (pupil := pupil_session.get_pupil(request)) is not None:
        person = tickets.ApplicationUser("pupil", pupil.pk)
    else:
        return None, None
    try:
        return person, person.check_entry(timezone.now())
    except UnknownPerson:
        # Removed since the session was read.
        return None, None


#: A day: a drawing is the same for everybody.
_DRAWING_SECONDS = 24 * 60 * 60


@public_page
@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters("password")
@sensitive_variables("form")
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign a pupil in, ending any other session of the browser."""
    form = PupilSignInForm(request.POST if request.method == "POST" else None)
    refusal: DomainError | None = None
    if form.is_valid():
        now = timezone.now()
        try:
            signed_in = operations.sign_in(
                login=form.cleaned_data["login"],
                password=form.cleaned_data["password"],
                origin=known_origins.read_origin(request),
                at=now,
            )
        except WrongCredentials as error:
            # After the attempt was counted and hashed, and of the text alone: what exists shows in nothing.
            for mistake in find_mistakes(form.cleaned_data["login"], form.cleaned_data["password"]):
                form.add_error(mistake.field, mistake.sentence)
            refusal = None if form.errors else error
        except DomainError as error:
            refusal = error
        else:
            pupil_session.begin(request, signed_in.pupil, at=now)
            entered = redirect("classes:pupil_class")
            known_origins.set_cookie(entered, signed_in.device)
            return entered
    for name in list(form.errors)[:1]:
        form.fields[name].widget.attrs["data-focus"] = True
    wait = refusal.retry_after if isinstance(refusal, TooManyAttempts) else None
    status = 429 if wait else 422 if refusal or form.errors else 200
    typed = words.parse_login(form["login"].value() or "") if form.is_bound else None
    content = {
        "form": form,
        "refusal": refusal,
        "wait": wait,
        "present": pupil_session.get_pupil(request),
        "animals": " ".join(words.spell(word) for word in words.list_words("pupils")),
        # Of the text alone, whether or not the account exists.
        "typed_word": typed[0] if typed else "",
    }
    response = render(request, "classes/pupil_sign_in.html", content, status=status)
    response["Cache-Control"] = "no-store"
    if wait:
        response["Retry-After"] = str(wait)
    return response


@pupil_page
@require_GET
@never_cache
def my_class(request: PupilRequest) -> HttpResponse:
    """Show the pupil's class and the link to the application."""
    pupil = request.pupil
    content = {"pupil": pupil, "classroom": pupil.classroom, "entry": check_pupil_entry(pupil.pk, timezone.now())}
    return render(request, "classes/pupil_class.html", content)


@public_page
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign the pupil out and redirect to the sign-in page, which says so."""
    if pupil_session.get_pupil(request) is not None:
        pupil_session.end(request)
        messages.info(request, "Au revoir\xa0! Tu peux fermer.")
    return redirect("classes:pupil_sign_in")


@public_page
@require_safe
def animal(request: HttpRequest, word: str) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Return the drawing of an animal of the list: what the sign-in page shows as soon as a login is typed."""
    drawing = words.read_drawing(word)
    if not drawing:
        raise Http404("No pupil is called by this word.")
    response = HttpResponse(drawing, content_type="image/svg+xml")
    patch_cache_control(response, public=True, max_age=_DRAWING_SECONDS)
    return response
