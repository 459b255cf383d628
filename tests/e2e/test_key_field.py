"""The field of a key accuses nobody: a correct key is never red while it is typed, and what is typed is never moved."""

import random

from playwright.sync_api import expect

from licensing.entitlements import keys

#: Types each text letter by letter, as a browser tells a page of it; returns what went wrong.
_TYPE_ALL = """(texts) => {
    const field = document.querySelector("[data-key]"), place = document.querySelector("[data-key-typo]");
    const wrong = [];
    for (const text of texts) {
        field.value = "";
        for (const letter of text) {
            const before = field.value, caret = before.length >> 1;
            // The second half first, then the first half before it: the caret is in the middle of the text.
            field.setRangeText(letter, caret, caret, "end");
            const typed = field.value, at = field.selectionStart;
            field.dispatchEvent(new InputEvent("input", {bubbles: true, data: letter}));
            if (field.value !== typed || field.selectionStart !== at) wrong.push(`${text}: moved at ${typed}`);
        }
        for (let length = 1; length <= text.length; length += 1) {
            field.value = text.slice(0, length);
            field.dispatchEvent(new InputEvent("input", {bubbles: true}));
            if (field.classList.contains("is-invalid") || !place.hidden) wrong.push(`${text}: red at ${length}`);
            if (field.value !== text.slice(0, length)) wrong.push(`${text}: moved at ${length}`);
        }
        field.dispatchEvent(new Event("change", {bubbles: true}));
        if (field.classList.contains("is-invalid") || !place.hidden) wrong.push(`${text}: red when left`);
    }
    return wrong;
}"""


def spell(prefix, code):
    """Return a key as people type it: as in the letter, in small letters, with spaces, in one word, without prefix."""
    shown = keys.display(prefix, code)
    return [shown, shown.lower(), shown.replace("-", " "), shown.replace("-", ""), keys.display("", code)]


def test_a_correct_key_is_never_red_and_never_moved_while_it_is_typed(site, db):
    draw = random.Random(17)  # noqa: S311 - prefixes, not secrets
    prefixes = ["".join(draw.choices(keys.ALPHABET[10:], k=draw.randint(2, 10))) for _ in range(49)]
    texts = [text for prefix in prefixes for text in spell(prefix, keys.generate())]
    page = site.person().open("/cle/")
    assert page.evaluate(_TYPE_ALL, texts) == []


def test_a_wrong_key_is_reported_when_the_field_is_left_and_forgiven_as_it_is_corrected(site, db):
    code = keys.generate()
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    page = site.person().open("/cle/")
    field = page.get_by_label("Clé d’activation")
    field.press_sequentially(keys.display("NIMES", wrong))
    expect(page.locator("[data-key-typo]")).to_be_hidden()
    field.blur()
    expect(page.locator("[data-key-typo]")).to_contain_text("faute de frappe")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.press("End")
    field.press("Backspace")
    expect(page.locator("[data-key-typo]")).to_be_hidden()
    field.press_sequentially(code[-1])
    field.blur()
    expect(page.locator("[data-key-typo]")).to_be_hidden()
    expect(field).to_have_value(keys.display("NIMES", code))
