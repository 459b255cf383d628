"""`Idempotency-Key`: a request that a token sends twice is executed once and gets the same response.

The response is stored in the transaction of the request, so a process that dies has done both or neither. While a
request runs it holds a transaction-level advisory lock on its key; another request with the same key gets a 409 with
`Retry-After`. The response of a `DomainError` is stored too; that of an invalid, forbidden or throttled request is not.
"""

import datetime
import functools
import hashlib
import json
import re
import zlib
from collections.abc import Callable
from typing import Concatenate, cast

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Min
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request

from api.models import IdempotencyRecord, Token
from api.problem_details import ApiProblem
from api.views import ApiView
from core.advisory_locks import try_transaction_lock
from core.connections import connection
from core.sealing import Sealer, UnsealError
from jobs import due

KEY_HEADER = "Idempotency-Key"
#: Response header that marks a replayed response.
REPLAYED_HEADER = "Idempotent-Replayed"
#: The documentation promises 7 days; one day of margin.
RETENTION = datetime.timedelta(days=8)
#: Kind of the due work that deletes old responses, and between two looks at one office.
PRUNE_RECORDS, _LOOK_INTERVAL = "api.prune_records", datetime.timedelta(days=1)
_KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,255}")
#: Statuses that are not stored: a retry of the same request may succeed.
UNSTORED_STATUSES = frozenset({401, 403, 404, 405, 406, 408, 413, 415, 429})
_sealer = Sealer("api.responses")


def idempotent[View: ApiView, **P](
    method: Callable[Concatenate[View, Request, P], HttpResponseBase],
) -> Callable[Concatenate[View, Request, P], HttpResponseBase]:
    """Decorate a view method so that requests with the same idempotency key are executed once.

    `api.viewsets.operation` decorates every POST.
    """

    @functools.wraps(method)
    def wrapper(view: View, request: Request, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        key = request.headers.get(KEY_HEADER)
        if key is None:
            return method(view, request, *args, **kwargs)
        if not _KEY_PATTERN.fullmatch(key):
            detail = "« Idempotency-Key » compte 1 à 255 caractères ASCII imprimables, sans espace : un UUID convient."
            raise ApiProblem("invalid_idempotency_key", detail, status_code=400)
        hashed_key = _hash_key(key, cast("Token", request.auth))
        request_fingerprint = compute_fingerprint(request)
        with transaction.atomic():
            _lock_key(hashed_key)
            stored = IdempotencyRecord.objects.filter(pk=hashed_key).first()
            if stored is not None:
                return _replay(stored, request_fingerprint)
            response = _execute(view, request, method, *args, **kwargs)
            if response.status_code < 500 and response.status_code not in UNSTORED_STATUSES:  # noqa: PLR2004 - HTTP's own division
                _store_response(hashed_key, request_fingerprint, response)
            return response

    return cast("Callable[Concatenate[View, Request, P], HttpResponseBase]", wrapper)


def _execute[View: ApiView, **P](
    view: View,
    request: Request,
    method: Callable[Concatenate[View, Request, P], HttpResponseBase],
    *args: P.args,
    **kwargs: P.kwargs,
) -> HttpResponse:
    """Run the view method in a savepoint; return the final response, of an exception too."""
    try:
        with transaction.atomic():
            response = method(view, request, *args, **kwargs)
    except Exception as error:  # noqa: BLE001 - `handle_exception` re-raises the unexpected ones
        response = view.handle_exception(error)
    return view.render_response(response)


def compute_fingerprint(request: Request) -> str:
    """Return a hash of method, URL and decoded body, equal for equivalent requests."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.FILES:
        # From the parsed fields: the multipart boundary changes each time a form is sent.
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


def _hash_key(key: str, token: Token) -> str:
    """Return the hash of a token's key: what one program was answered is not another's to read."""
    return hashlib.sha256(f"{token.token_hash} {key}".encode()).hexdigest()


def _lock_key(hashed_key: str) -> None:
    """Lock the key until the transaction ends. Raises `ApiProblem` if another request holds the lock."""
    if not try_transaction_lock(f"{connection.schema_name}/{hashed_key}"):
        detail = "Une requête de même « Idempotency-Key » est en cours : attendez, puis recommencez."
        raise ApiProblem("request_in_progress", detail, status_code=409, retry_after=1)


def _replay(stored: IdempotencyRecord, request_fingerprint: str) -> HttpResponse:
    if stored.fingerprint != request_fingerprint:
        detail = "Cette « Idempotency-Key » a servi à une autre requête : prenez-en une nouvelle pour celle-ci."
        raise ApiProblem("idempotency_key_reused", detail, status_code=422)
    try:
        content = zlib.decompress(_sealer.unseal(bytes(stored.sealed_body)))
    except UnsealError:
        detail = (
            "Cette requête a été faite ; sa réponse ne peut plus être relue. Lisez la situation avant de continuer."
        )
        raise ApiProblem("response_unavailable", detail) from None
    headers = {REPLAYED_HEADER: "true"} | ({"Location": stored.location} if stored.location else {})
    return HttpResponse(content, status=stored.status, content_type=stored.content_type, headers=headers)


def _store_response(hashed_key: str, request_fingerprint: str, response: HttpResponse) -> None:
    at = timezone.now()
    due.schedule(PRUNE_RECORDS, connection.schema_name, at + RETENTION)
    IdempotencyRecord.objects.create(
        key_hash=hashed_key,
        fingerprint=request_fingerprint,
        status=response.status_code,
        content_type=response["Content-Type"],
        sealed_body=_sealer.seal(zlib.compress(response.content)),
        location=response.headers.get("Location", ""),
        answered_at=at,
    )


@transaction.atomic
def prune_records(*, at: datetime.datetime) -> int:
    """Delete the stored responses of the current schema older than `RETENTION`; return how many.

    Schedules itself for the rest.
    """
    deleted, _ = IdempotencyRecord.objects.filter(answered_at__lt=at - RETENTION).delete()
    oldest = IdempotencyRecord.objects.aggregate(at=Min("answered_at"))["at"]
    if oldest is not None:
        due.schedule(PRUNE_RECORDS, connection.schema_name, max(oldest + RETENTION, at + _LOOK_INTERVAL))
    return deleted
