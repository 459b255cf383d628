"""The forms of a page, as a browser reads them: targets, controls and what is sent."""

from collections import defaultdict
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple

#: Attribute that names the place of a form or a control in its template: `template_tags.mark`.
SOURCE = "data-source"
_VOID_OR_BLOCK = {"input", "button"}
_SUBMITTING = {"submit", "image"}
#: What is typed into an empty field of a type; « 1 » into others.
_FILLINGS = {"date": "2026-12-01", "email": "a@exemple.example", "url": "https://exemple.example/", "select": ""}


class Target(NamedTuple):
    """Where a form, a button or a control sends."""

    method: str
    url: str
    htmx: bool = False


@dataclass
class Control:
    """A named control and the value that a browser sends for it; `sent` is False for an unticked box."""

    name: str
    kind: str
    value: str = ""
    sent: bool = True
    source: str = ""
    identifier: str = ""
    #: Where it sends by itself.
    own: Target | None = None

    #: First choice of a list that has a value.
    choice: str = ""

    @property
    def filling(self) -> str:
        """What a person could type, or choose."""
        return self.choice or _FILLINGS.get(self.kind, "1")

    @property
    def submits(self) -> bool:
        return self.kind in _SUBMITTING


@dataclass
class PageForm:
    """A form: the targets of the whole, its controls, and its buttons, the unnamed ones included."""

    targets: list[Target]
    source: str
    controls: list[Control] = field(default_factory=list)
    buttons: list[Control] = field(default_factory=list)

    def values(self, *, filled: bool) -> dict[str, list[str]]:
        """Return what is sent without a button; `filled`: with every box ticked and every empty field filled."""
        sent = defaultdict(list)
        for control in self.controls:
            if control.kind == "file":
                continue
            if control.sent:
                sent[control.name].append(control.value or (control.filling if filled else ""))
            elif filled and (control.kind != "radio" or control.name not in sent):
                sent[control.name].append(control.value)
        return dict(sent)

    def file_names(self) -> list[str]:
        return [control.name for control in self.controls if control.kind == "file"]


class _FormReader(HTMLParser):
    """Collects the forms of a page; those controls that stand outside have their form's `id` in `form`."""

    def __init__(self, url: str):
        super().__init__()
        self.url = url
        self.forms: list[PageForm] = []
        #: Controls that send by themselves, inside a form or not.
        self.senders: list[Control] = []
        self.current: PageForm | None = None
        self.by_id: dict[str, PageForm] = {}
        self.elsewhere: list[tuple[str, Control]] = []
        #: Other elements that send the controls of these identifiers.
        self.including: list[tuple[Target, list[str]]] = []
        self.controls: dict[str, Control] = {}
        self.select: Control | None = None
        self.text: Control | None = None

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "hx-include" in attributes:
            included = [one.strip().removeprefix("#") for one in attributes["hx-include"].split(",")]
            self.including += [(target, included) for target in _list_htmx_targets(attributes)]
        if tag == "form":
            self._open_form(attributes)
        elif tag == "select":
            self.select = self._add(attributes, "select")
            self.select.value = ""
        elif tag == "option" and self.select is not None:
            value = attributes.get("value") or ""
            self.select.choice = self.select.choice or value
            if "selected" in attributes:
                self.select.value = value
        elif tag == "textarea":
            self.text = self._add(attributes, "textarea")
        elif tag in _VOID_OR_BLOCK:
            self._add(attributes, attributes.get("type") or ("text" if tag == "input" else "submit"))

    def handle_endtag(self, tag):
        if tag == "form":
            self.current = None
        elif tag == "select":
            self.select = None
        elif tag == "textarea":
            self.text = None

    def handle_data(self, data):
        if self.text is not None:
            self.text.value += data

    def _open_form(self, attributes):
        method = (attributes.get("method") or "get").lower()
        targets = [Target(method, attributes.get("action") or self.url), *_list_htmx_targets(attributes)]
        self.current = PageForm(targets, attributes.get(SOURCE) or "")
        self.forms.append(self.current)
        if identifier := attributes.get("id"):
            self.by_id[identifier] = self.current

    def _add(self, attributes, kind):
        control = Control(attributes.get("name") or "", kind, attributes.get("value") or "")
        control.source = attributes.get(SOURCE) or ""
        if kind in ("checkbox", "radio"):
            control.sent = "checked" in attributes
            control.value = attributes.get("value") or "on"
        control.identifier = attributes.get("id") or ""
        self.controls[control.identifier] = control
        control.own = next(iter(_list_htmx_targets(attributes)), None)
        if control.own is not None and control.own.method == "post" and self.current is not None:
            # htmx then sends the whole form.
            self.current.targets.append(control.own)
        elif control.own is not None and control.name:
            self.senders.append(control)
        if "disabled" in attributes or kind in ("button", "reset"):
            return control
        if "form" in attributes:
            self.elsewhere.append((attributes["form"] or "", control))
        elif self.current is not None:
            _put(self.current, control)
        return control


def _put(form: PageForm, control: Control) -> None:
    if control.submits:
        form.buttons.append(control)
    elif control.name:
        form.controls.append(control)


def _list_htmx_targets(attributes):
    return [Target(method, url, htmx=True) for method in ("get", "post") if (url := attributes.get(f"hx-{method}"))]


@dataclass
class PageReading:
    """What a page can send: its forms, its controls that send by themselves, and elements that send other controls."""

    forms: list[PageForm]
    senders: list[Control]
    including: list[tuple[Target, list[Control]]]


def read_page(html: str, url: str) -> PageReading:
    """Return what the page at `url` can send."""
    reader = _FormReader(url)
    reader.feed(html)
    reader.close()
    for identifier, control in reader.elsewhere:
        _put(reader.by_id[identifier], control)
    including = [(target, [reader.controls[one] for one in identifiers]) for target, identifiers in reader.including]
    return PageReading(reader.forms, reader.senders, including)
