"""What a person does in the browser to get somewhere: clicks, and fields typed into, by the browser's events."""

from dataclasses import dataclass, field

from tests.e2e.site import Visit

#: Trusted events alone: those of a script are no effort. Enter in a field clicks its form's button, as a browser does.
_LISTEN = """
    addEventListener("click", (event) => event.isTrusted && noteEffort("click", ""), true);
    addEventListener("input", (event) => event.isTrusted && noteEffort("field", event.target.name), true);
"""


@dataclass
class Effort:
    """The effort in one tab so far."""

    clicks: int = 0
    fields: set[str] = field(default_factory=set)

    def note(self, kind: str, name: str) -> None:
        if kind == "click":
            self.clicks += 1
        else:
            self.fields.add(name)


def count_effort(visit: Visit) -> Effort:
    """Count what is done in the tab from its next page on."""
    effort = Effort()
    visit.page.context.expose_binding("noteEffort", lambda _source, kind, name: effort.note(kind, name))
    visit.page.add_init_script(_LISTEN)
    return effort
