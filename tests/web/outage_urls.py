"""The portal with a page that reads and one that writes, each of which calls what the test gives it on the way."""

from collections.abc import Callable

from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config.urls_public import handler400, handler500
from config.urls_public import urlpatterns as portal_patterns
from tests.factories.accounts import UserFactory
from web.access import public_page

#: Called in the page's transaction, before its last statement.
during: list[Callable[[], object]] = []


def _call() -> None:
    while during:
        during.pop()()


@public_page
def read(request):
    """Answer what the database says."""
    with transaction.atomic(), connection.cursor() as cursor:
        _call()
        cursor.execute("SELECT 'lu'")
        return HttpResponse(cursor.fetchone()[0])


@csrf_exempt
@public_page
def write(request):
    """Store an account."""
    with transaction.atomic():
        user = UserFactory(username="ecrit")
        _call()
        if request.GET.get("puis"):
            user.save()
    return HttpResponse("écrit")


@csrf_exempt
@public_page
def write_twice(request):
    """Store an account, and then another one in a transaction of its own."""
    UserFactory(username="ecrit")
    with transaction.atomic():
        _call()
        UserFactory(username="perdu")
    return HttpResponse("écrit")


@csrf_exempt
@public_page
def remember(request):
    """Store something in the session, which is saved after the page."""
    request.session["nombre"] = 1
    _call()
    return HttpResponse("retenu")


urlpatterns = [
    path("lire/", read),
    path("ecrire/", write),
    path("ecrire-deux-fois/", write_twice),
    path("retenir/", remember),
    *portal_patterns,
]
__all__ = ["handler400", "handler500", "urlpatterns"]
