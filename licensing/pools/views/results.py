"""What the acts on allocations tell whoever asked for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.contrib import messages
from django.http import QueryDict
from django.urls import reverse

from collectivities.access import OfficeHttpRequest
from core import formatting
from licensing.pools import operations

#: Longest query of a list that is led back to.
_MAX_QUERY = 1000
#: Reasons of refusal that are told one by one.
_MAX_REASONS = 5


def show_results(
    request: OfficeHttpRequest, done_words: tuple[str, str], results: Sequence[operations.AllocationActionResult]
) -> None:
    """Show how many succeeded, and how many failed by reason."""
    done = sum(result.refusal is None for result in results)
    if done:
        messages.success(request, f"{formatting.pluralize(done, *done_words)}.")
    reasons = Counter(str(result.refusal) for result in results if result.refusal is not None)
    for reason, count in reasons.most_common(_MAX_REASONS):
        unchanged = formatting.pluralize(
            count, "attribution laissée telle quelle", "attributions laissées telles quelles"
        )
        messages.warning(request, f"{unchanged} : {reason}")


def build_list_url(name: str, query: str) -> str:
    """Return the address of a list, with the parameters that it had; those beyond the longest query are left out."""
    kept = QueryDict(query[:_MAX_QUERY]).urlencode()
    return f"{reverse(name)}?{kept}" if kept else reverse(name)


def get_list_url(query: str) -> str:
    """Return the address of the list with the parameters that the page stated."""
    return f"{reverse('pools:allocations')}?{QueryDict(query).urlencode()}"
