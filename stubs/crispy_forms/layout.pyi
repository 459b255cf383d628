type _Part = str | LayoutObject

class LayoutObject: ...

class Layout(LayoutObject):
    def __init__(self, *fields: _Part) -> None: ...

class Div(LayoutObject):
    def __init__(
        self, *fields: _Part, css_id: str | None = None, css_class: str | None = None, **attributes: str
    ) -> None: ...

class HTML(LayoutObject):
    def __init__(self, html: str) -> None: ...

class Submit(LayoutObject):
    def __init__(self, name: str, value: str, **attributes: str) -> None: ...
