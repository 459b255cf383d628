"""The forms of the admin's actions with plain widgets, for pages that are not the admin's."""

from __future__ import annotations

from collections.abc import Callable

from django import forms

#: By what a widget is, the plain one in its place; the first that fits.
_PLAIN: tuple[tuple[type[forms.Widget], Callable[[], forms.Widget]], ...] = (
    (forms.CheckboxInput, forms.CheckboxInput),
    (forms.Select, forms.Select),
    (forms.Textarea, lambda: forms.Textarea(attrs={"rows": 3})),
    (forms.TextInput, forms.TextInput),
)


def use_plain_widgets(form: forms.Form) -> None:
    """Replace the widgets of a form, which are the admin theme's."""
    for field in form.fields.values():
        old = field.widget
        if getattr(old, "input_type", "") == "date":
            new: forms.Widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        else:
            new = next(build for kind, build in _PLAIN if isinstance(old, kind))()
        if isinstance(old, forms.Select) and isinstance(new, forms.Select):
            new.choices = old.choices
        new.is_required, new.is_localized = old.is_required, old.is_localized
        new.attrs |= field.widget_attrs(new) | {
            name: value for name, value in old.attrs.items() if name in ("inputmode", "maxlength")
        }
        field.widget = new
