"""French words around names and in sentences."""

import pytest

from core import formatting


@pytest.mark.parametrize(
    ("name", "the", "of", "of_the", "to_the"),
    [
        (
            "École Jean Jaurès",
            "l’École Jean Jaurès",
            "d’École Jean Jaurès",
            "de l’École Jean Jaurès",
            "à l’École Jean Jaurès",
        ),
        ("Ecole  Zola", "l’École Zola", "d’École Zola", "de l’École Zola", "à l’École Zola"),
        ("ECOLE LE BOURG", "l’ÉCOLE LE BOURG", "d’ÉCOLE LE BOURG", "de l’ÉCOLE LE BOURG", "à l’ÉCOLE LE BOURG"),
        ("Collège Belin", "le Collège Belin", "de Collège Belin", "du Collège Belin", "au Collège Belin"),
        ("COLLEGE BELIN", "le COLLEGE BELIN", "de COLLEGE BELIN", "du COLLEGE BELIN", "au COLLEGE BELIN"),
        (
            "Groupe scolaire Sud",
            "le Groupe scolaire Sud",
            "de Groupe scolaire Sud",
            "du Groupe scolaire Sud",
            "au Groupe scolaire Sud",
        ),
        ("Maternelle Sud", "la Maternelle Sud", "de Maternelle Sud", "de la Maternelle Sud", "à la Maternelle Sud"),
        (
            "Saint-Joseph",
            "l’établissement Saint-Joseph",
            "d’établissement Saint-Joseph",
            "de l’établissement Saint-Joseph",
            "à l’établissement Saint-Joseph",
        ),
    ],
)
def test_a_school_has_its_article_elision_and_capital(name, the, of, of_the, to_the):
    assert formatting.school_forms(name) == (the, of, of_the, to_the)


@pytest.mark.parametrize(
    ("name", "the", "of_the", "to_the"),
    [
        ("Ville d’Alès", "la Ville d’Alès", "de la Ville d’Alès", "à la Ville d’Alès"),
        ("Département du Gard", "le Département du Gard", "du Département du Gard", "au Département du Gard"),
        ("Agglomération d’Alès", "l’Agglomération d’Alès", "de l’Agglomération d’Alès", "à l’Agglomération d’Alès"),
        ("Alès Agglomération", "Alès Agglomération", "d’Alès Agglomération", "à Alès Agglomération"),
        (
            "Le Havre Seine Métropole",
            "Le Havre Seine Métropole",
            "du Havre Seine Métropole",
            "au Havre Seine Métropole",
        ),
        ("Nîmes", "Nîmes", "de Nîmes", "à Nîmes"),
        ("Région Occitanie", "la Région Occitanie", "de la Région Occitanie", "à la Région Occitanie"),
    ],
)
def test_a_collectivity_has_its_article(name, the, of_the, to_the):
    forms = formatting.collectivity_forms(name)
    assert (forms.the, forms.of_the, forms.to_the) == (the, of_the, to_the)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("Nîmes", "de Nîmes"),
        ("Alès", "d’Alès"),
        ("Évreux", "d’Évreux"),
        ("Œuilly", "d’Œuilly"),
        ("Hérault", "d’Hérault"),
        ("Haguenau", "de Haguenau"),
        ("Halle aux blés", "de Halle aux blés"),
        ("Hautes-Alpes", "de Hautes-Alpes"),
        ("Yvetot", "d’Yvetot"),
        ("Yutz", "de Yutz"),
        ("Onze", "de Onze"),
        ("", "de "),
    ],
)
def test_of_is_elided_before_a_vowel_and_a_mute_h(name, read):
    assert formatting.of_name(name) == read


@pytest.mark.parametrize(
    ("town", "of", "to"),
    [
        ("Nîmes", "de Nîmes", "à Nîmes"),
        ("Alès", "d’Alès", "à Alès"),
        ("Le Havre", "du Havre", "au Havre"),
        ("LES LILAS", "des LILAS", "aux LILAS"),
        ("La Rochelle", "de La Rochelle", "à La Rochelle"),
        ("L'Isle-d'Abeau", "de L'Isle-d'Abeau", "à L'Isle-d'Abeau"),
    ],
)
def test_a_town_is_contracted_with_its_article(town, of, to):
    assert (formatting.of_town(town), formatting.to_town(town)) == (of, to)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("l'école d'aujourd'hui", "l’école d’aujourd’hui"),
        ("L'« École »", "L’« École »"),
        ("n'a", "n’a"),
        ("Pep's", "Pep’s"),
        ("'a' == \"b\"", "'a' == \"b\""),
        ("12'30", "12'30"),
    ],
)
def test_an_apostrophe_between_two_words_is_curly(typed, read):
    assert formatting.curl_apostrophes(typed) == read


@pytest.mark.parametrize(
    ("html", "read"),
    [
        ("<p>l'école, d&#x27;Alès, n&#39;a, l'<b>or</b></p>", "<p>l’école, d’Alès, n’a, l’<b>or</b></p>"),
        ("<input value=\"l'or\" placeholder='d\"or > l'>l'or", "<input value=\"l'or\" placeholder='d\"or > l'>l’or"),
        ('<textarea rows="2">l\'or</textarea>', '<textarea rows="2">l\'or</textarea>'),
        ("<code>l'or</code><script>a='b';l'c</script>", "<code>l'or</code><script>a='b';l'c</script>"),
        ("<!-- l'or --><pre>l'or</pre>", "<!-- l'or --><pre>l'or</pre>"),
        ("l'or < l'argent", "l’or < l’argent"),
    ],
)
def test_only_the_text_of_a_page_is_curled(html, read):
    assert formatting.curl_apostrophes_in_html(html) == read
