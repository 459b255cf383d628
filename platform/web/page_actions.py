"""What a page does: an operation is called and what it did is told, or its refusal is; then the page goes on."""

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Concatenate

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from core.exceptions import DomainError
from core.formatting import add_nonbreaking_spaces

type Errors = type[Exception] | tuple[type[Exception], ...]


def page_action[Request: HttpRequest, **P](
    back: str = "", *arguments: str, refused: Callable[..., HttpResponse] | None = None, errors: Errors = DomainError
) -> Callable[[Callable[Concatenate[Request, P], HttpResponse | str]], Callable[Concatenate[Request, P], HttpResponse]]:
    """Return a decorator for views that call an operation; what they raise of `errors` is a refusal.

    A view that returns a sentence has it told on the page `back`, whose address takes those of the view's arguments
    that `arguments` names. A refusal is shown by `refused`, which gets the request, the error and the view's arguments;
    without it, it is told on `back`. One that knows when to try again, in `retry_after`, has it in the header.
    """

    def decorate(
        view: Callable[Concatenate[Request, P], HttpResponse | str],
    ) -> Callable[Concatenate[Request, P], HttpResponse]:
        @functools.wraps(view)
        def run(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            address = {name: kwargs[name] for name in arguments}
            try:
                answer = view(request, *args, **kwargs)
            except errors as refusal:
                response: HttpResponse
                if refused is not None:
                    response = refused(request, refusal, **kwargs)
                else:
                    messages.error(request, str(refusal))
                    response = redirect(reverse(back, kwargs=address))
                if hasattr(refusal, "retry_after"):
                    response["Retry-After"] = str(refusal.retry_after)
                return response
            if isinstance(answer, str):
                messages.success(request, answer)
                return redirect(reverse(back, kwargs=address))
            return answer

        return run

    return decorate


class RefusalsOn:
    """A block whose refusals are shown on a form: beside the field they name, else beside `field`, else above.

    Those of `errors` end the block, and the view goes on after it, where it shows the form again.
    """

    def __init__(self, form: forms.BaseForm, field: str | None = None, *, errors: Errors = DomainError) -> None:
        self.form, self.field, self.errors = form, field, errors

    def __enter__(self) -> None:
        """Return nothing: the form is at hand."""

    def __exit__(self, _kind: object, refusal: BaseException | None, _trace: TracebackType | None) -> bool:
        """Show a refusal; return whether it was one."""
        if not isinstance(refusal, self.errors):
            return False
        problems: dict[str | None, str] = getattr(refusal, "problems", {getattr(refusal, "field", None): str(refusal)})
        for field, sentence in problems.items():
            self.form.add_error(field if field in self.form.fields else self.field, add_nonbreaking_spaces(sentence))
        return True
