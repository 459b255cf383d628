"""Limit how often an account has a file made for it: a workbook of all rows, a PDF of many pages."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.throttling import RateLimit, RateLimitExceeded, count_attempts, format_wait

#: Each takes up to some ten seconds of a web process.
DOWNLOADS = RateLimit("downloads", 30, datetime.timedelta(minutes=15))


def limit_downloads[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Decorate a view of signed-in people that makes a file: beyond `DOWNLOADS` it answers with a page, status 429."""

    @functools.wraps(view)
    def limited(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request: Any = args[0]
        try:
            count_attempts([(DOWNLOADS, str(request.user.pk))], at=timezone.now())
        except RateLimitExceeded as throttled:
            response = render(
                request,
                "accounts/too_many_downloads.html",
                {"tries": DOWNLOADS.tries, "wait": format_wait(throttled.wait)},
                status=429,
            )
            response["Retry-After"] = str(throttled.retry_after)
            return response
        return view(*args, **kwargs)

    return limited
