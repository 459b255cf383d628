from crispy_forms.layout import Layout

class FormHelper:
    attrs: dict[str, object]
    layout: Layout | None
    form_tag: bool

    def __init__(self, form: object = None) -> None: ...
