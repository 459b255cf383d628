"""`Idempotency-Key`: a request that is sent again is answered again, and done once.

What was answered is written in the transaction of what the request did: a process that dies has done and remembered
neither, or both. While a request runs it holds an advisory lock of its key, which ends with its transaction however
that ends; another with the same key is told to wait. A rule's refusal is an answer like any other; a request that was
not understood, not allowed or too early is not remembered.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import json
import re
import zlib
from typing import TYPE_CHECKING, Concatenate, cast

from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.http import HttpResponse
from django.utils import timezone
from django_tenants.utils import schema_context

from api.models import RememberedAnswer
from api.problems import Problem
from jobs.upkeep import duty
from tenants.models import Collectivity
from web.sealing import Sealing, Unsealable

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from api.endpoint import Endpoint

HEADER = "Idempotency-Key"
#: Told that an answer is an earlier one.
REPLAYED = "Idempotent-Replayed"
#: « remembered 7 days at least »: an answer of the eighth day is still there.
KEPT = datetime.timedelta(days=8)
_WRITTEN = re.compile(r"[\x21-\x7e]{1,255}")
#: Neither what was asked nor whoever asks: the same request may be answered otherwise.
NOT_KEPT = frozenset({401, 403, 404, 405, 406, 408, 413, 415, 429})
_sealing = Sealing("api.answers")


def repeatable[View: Endpoint, **P](
    act: Callable[Concatenate[View, Request, P], HttpResponseBase],
) -> Callable[Concatenate[View, Request, P], HttpResponseBase]:
    """Have a view's method do once what is asked several times under one key.

    Every POST of the API is repeatable; a test walks them.
    """

    @functools.wraps(act)
    def once(view: View, request: Request, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        key = request.headers.get(HEADER)
        if key is None:
            return act(view, request, *args, **kwargs)
        if not _WRITTEN.fullmatch(key):
            detail = "« Idempotency-Key » compte 1 à 255 caractères ASCII imprimables, sans espace : un UUID convient."
            raise Problem("invalid_idempotency_key", detail, status_code=400)
        hashed = hashlib.sha256(key.encode()).hexdigest()
        asked = fingerprint(request)
        with transaction.atomic():
            _hold(hashed)
            earlier = RememberedAnswer.objects.filter(pk=hashed).first()
            if earlier is not None:
                return _again(earlier, asked)
            answer = _done(view, request, act, *args, **kwargs)
            if answer.status_code < 500 and answer.status_code not in NOT_KEPT:  # noqa: PLR2004 - HTTP's own division
                _keep(hashed, asked, answer)
            return answer

    once.is_repeatable = True  # type: ignore[attr-defined]
    return cast("Callable[Concatenate[View, Request, P], HttpResponseBase]", once)


def _done[View: Endpoint, **P](
    view: View,
    request: Request,
    act: Callable[Concatenate[View, Request, P], HttpResponseBase],
    *args: P.args,
    **kwargs: P.kwargs,
) -> HttpResponse:
    """Return what the request is answered, refusals included, as it goes out."""
    try:
        with transaction.atomic():
            response = act(view, request, *args, **kwargs)
    except Exception as error:  # noqa: BLE001 - what is nobody's refusal is raised again by the view itself
        response = view.handle_exception(error)
    return view.rendered(response)


def fingerprint(request: Request) -> str:
    """Return what two requests have in common that ask for the same: method, address, and body read as it is meant."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.FILES:
        # Written by hand: a program that sends a form again parts it otherwise.
        for name, value in sorted(cast("dict[str, object]", request.data).items()):
            digest.update(f"{name}\n".encode())
            if isinstance(value, UploadedFile):
                digest.update(f"{value.name}\n".encode())
                for chunk in value.chunks():
                    digest.update(chunk)
                value.seek(0)
            else:
                digest.update(str(value).encode())
            digest.update(b"\n")
    else:
        digest.update(json.dumps(request.data, sort_keys=True, ensure_ascii=True, default=str).encode())
    return digest.hexdigest()


def _hold(hashed: str) -> None:
    """Hold the key until the transaction ends. Raises where another request holds it."""
    number = hashlib.sha256(f"{connection.schema_name}/{hashed}".encode()).digest()[:8]  # type: ignore[attr-defined]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(number, "big", signed=True)])
        [held] = cursor.fetchone()
    if not held:
        detail = "Une requête de même « Idempotency-Key » est en cours : attendez, puis recommencez."
        raise Problem("request_in_progress", detail, status_code=409, retry_after=1)


def _again(earlier: RememberedAnswer, asked: str) -> HttpResponse:
    if earlier.fingerprint != asked:
        detail = "Cette « Idempotency-Key » a servi à une autre requête : prenez-en une nouvelle pour celle-ci."
        raise Problem("idempotency_key_reused", detail, status_code=422)
    try:
        content = zlib.decompress(_sealing.unseal(bytes(earlier.sealed_body)))
    except Unsealable:
        detail = (
            "Cette requête a été faite ; sa réponse ne peut plus être relue. Lisez la situation avant de continuer."
        )
        raise Problem("answer_lost", detail) from None
    headers = {REPLAYED: "true"} | ({"Location": earlier.location} if earlier.location else {})
    return HttpResponse(content, status=earlier.status, content_type=earlier.content_type, headers=headers)


def _keep(hashed: str, asked: str, answer: HttpResponse) -> None:
    RememberedAnswer.objects.create(
        key_hash=hashed,
        fingerprint=asked,
        status=answer.status_code,
        content_type=answer["Content-Type"],
        sealed_body=_sealing.seal(zlib.compress(answer.content)),
        location=answer.headers.get("Location", ""),
        answered_at=timezone.now(),
    )


@duty(every=datetime.timedelta(hours=1))
def forget() -> None:
    """Forget, in every collectivity, the answers that are older than the API promises."""
    before = timezone.now() - KEPT
    for schema in Collectivity.objects.values_list("schema_name", flat=True):
        with schema_context(schema):
            RememberedAnswer.objects.filter(answered_at__lt=before).delete()
