"""Acts of pages: what was done is told, a refusal is shown where the page says."""

import pytest
from django import forms
from django.contrib import messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from core.exceptions import DomainError
from web.page_actions import RefusalsOn, page_action

pytestmark = pytest.mark.urls("config.urls_public")


class _TooSoon(DomainError):
    retry_after = 60


def _build_request() -> HttpRequest:
    request = RequestFactory().post("/")
    vars(request)["_messages"] = CookieStorage(request)
    return request


def _list_messages(request: HttpRequest) -> list[tuple[str, str]]:
    return [(one.level_tag, str(one)) for one in messages.get_messages(request)]


@page_action("classes:detail", "pk")
def _rename(_request: HttpRequest, pk: int, name: str) -> HttpResponse | str:
    if not name:
        raise _TooSoon("Patientez une minute.")
    if name == "page":
        return HttpResponse("page")
    return f"La classe {pk} est la {int(name)}."


def test_a_sentence_is_shown_on_the_page_to_go_back_to() -> None:
    request = _build_request()
    answer = _rename(request, pk=7, name="3")
    assert answer.headers["Location"].endswith("/7/")
    assert _list_messages(request) == [("success", "La classe 7 est la 3.")]
    assert _rename(request, pk=7, name="page").content == b"page"


def test_a_refusal_is_shown_there_too_and_says_when_to_try_again() -> None:
    request = _build_request()
    answer = _rename(request, pk=7, name="")
    assert (answer.headers["Location"][-3:], answer.headers["Retry-After"]) == ("/7/", "60")
    assert _list_messages(request) == [("error", "Patientez une minute.")]


def test_a_fault_of_ours_is_no_refusal() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        _rename(_build_request(), pk=7, name="troisième")


class _Form(forms.Form):
    name = forms.CharField()
    reason = forms.CharField()


class _Refused(DomainError):
    def __init__(self, field: str) -> None:
        super().__init__("Non : rien n'est fait.")
        self.field = field


def _show(refusal: Exception, field: str | None = None) -> dict[str, list[str]]:
    form = _Form({"name": "a", "reason": "b"})
    with RefusalsOn(form, field):
        raise refusal
    return {name: list(errors) for name, errors in form.errors.items()}


def test_a_refusal_stands_beside_the_field_that_it_names() -> None:
    sentence = "Non\xa0: rien n'est fait."
    assert _show(_Refused("reason")) == {"reason": [sentence]}
    assert _show(_Refused("siret")) == {"__all__": [sentence]}
    assert _show(DomainError("Non : rien n'est fait."), "name") == {"name": [sentence]}
    with pytest.raises(ZeroDivisionError):
        _show(ZeroDivisionError())
