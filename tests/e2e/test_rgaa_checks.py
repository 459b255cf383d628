"""The walk by the tabulator key: what it tells of a page, and what of a slow browser it does not."""

import pytest

from tests.e2e.rgaa_checks import find_keyboard_faults

PAGE = """<!doctype html><html lang="fr"><title>Essai</title><style>:focus { outline: 2px solid }</style>
<a id="first" href="#two">Un</a> <button id="two">Deux</button> <a id="last" href="#two">Trois</a>"""
#: The focus is gone, and the next press begins at the top.
LOSE_FOCUS = """() => {
    document.activeElement.blur();
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
}"""
#: Past the last element the browser comes back to the page.
COME_BACK = """() => {
    if (document.activeElement === document.body) document.querySelector("#first").focus();
}"""
#: From the last element the key leads to the first one.
CATCH = """() => document.querySelector("#last").addEventListener("keydown", (event) => {
    event.preventDefault();
    document.querySelector("#first").focus();
})"""
#: The key does nothing.
HOLD = """() => document.querySelector("#two").addEventListener("keydown", (event) => event.preventDefault())"""


@pytest.fixture
def page(site):
    page = site.person().page
    page.set_content(PAGE)
    return page


@pytest.fixture
def disturb(page, monkeypatch):
    """Return the setter of what the browser does around each press of a key; it returns the list of the presses."""
    press = page.keyboard.press

    def set_steps(*, before=lambda _: True, after=lambda _: None):
        presses = []

        def press_disturbed(key):
            presses.append(key)
            if before(len(presses)):
                press(key)
            after(len(presses))

        monkeypatch.setattr(page.keyboard, "press", press_disturbed)
        return presses

    return set_steps


def count_steps(page):
    """Return on how many elements the walk came."""
    return page.evaluate("window.keyboardWalk.steps.length")


def test_a_sound_page_has_no_fault(page, disturb):
    presses = disturb()
    assert find_keyboard_faults(page) == []
    assert (count_steps(page), len(presses)) == (3, 4)


def test_a_browser_that_comes_back_from_past_the_last_element_has_left_the_page(page, disturb):
    disturb(after=lambda _: page.evaluate(COME_BACK))
    assert find_keyboard_faults(page) == []
    assert count_steps(page) == 3


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("moment", ["before the look", "after the look"])
def test_the_walk_begins_anew_where_the_browser_takes_the_focus_away(page, disturb, moment, step):
    if moment == "before the look":
        presses = disturb(after=lambda press: press == step and page.evaluate(LOSE_FOCUS))
    else:
        presses = disturb(before=lambda press: press != step + 1 or page.evaluate(LOSE_FOCUS) is None)
    assert find_keyboard_faults(page) == []
    assert (count_steps(page), len(presses)) == (3, step + 4)


def test_a_key_that_the_page_did_not_get_is_pressed_again(page, disturb):
    presses = disturb(before=lambda press: press % 2 == 0)
    assert find_keyboard_faults(page) == []
    assert (count_steps(page), len(presses)) == (3, 8)


@pytest.mark.parametrize(("script", "where"), [(CATCH, "first"), (HOLD, "two")], ids=["led back", "held"])
def test_a_page_that_catches_the_focus_is_reported(page, script, where):
    page.evaluate(script)
    [fault] = find_keyboard_faults(page)
    assert fault.startswith("12.9 caught at <")
    assert f'id="{where}"' in fault


def test_focus_that_is_not_shown_is_reported(page):
    page.evaluate("document.querySelector('#two').style.outline = 'none'")
    [fault] = find_keyboard_faults(page)
    assert fault.startswith('10.7 <button id="two"')
