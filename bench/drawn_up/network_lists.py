"""Lists of départements, DSDEN, purchasing bodies and private networks, drawn up before the import code was read."""

from bench.damaged import formats
from bench.drawn_up.drafts import ListDraft, register_list, sheet, xlsx
from bench.drawn_up.expectations import DrawnUpList


@register_list
def order_form_with_prices(m: ListDraft) -> DrawnUpList:
    """The purchasing body's form: reference, unit price, quantity, amounts before and after tax."""
    schools = m.schools()
    truth = m.numbers(schools)
    titles = ("N° ligne", "Bénéficiaire (UAI)", "Désignation", "PU HT", "Qté", "Montant HT", "TVA %", "Montant TTC")
    rows = [
        (10 * n, s.uai, f"Licence annuelle – {s.name}", 40, truth[s.uai], 40 * truth[s.uai], 20, 48 * truth[s.uai])
        for n, s in enumerate(schools, start=1)
    ]
    content = xlsx("Bon de commande", ("BON DE COMMANDE N° 2026-118",), (), titles, *rows)
    return m.read("bon de commande.xlsx", content, truth, "the column « Qté »")


@register_list
def school_groups_in_one_row(m: ListDraft) -> DrawnUpList:
    """A private network: nursery and elementary school of one group in a row, a UAI and a number for each."""
    schools, others = m.schools(8), m.schools(8, kind="primaire")
    first, second = m.numbers(schools), m.numbers(others)
    rows = [(f"Groupe {m.person()}", a.uai, first[a.uai], b.uai, second[b.uai])
            for a, b in zip(schools, others, strict=True)]  # fmt: skip
    titles = ("Ensemble", "UAI école A", "Licences école A", "UAI école B", "Licences école B")
    content = xlsx("Réseau", titles, *rows)
    return m.ask(
        "réseau.xlsx", content, first | second, "both schools of each row, or a question; never one in silence"
    )


@register_list
def two_codes_in_one_cell(m: ListDraft) -> DrawnUpList:
    """A pedagogical group of two villages: two UAI in one cell, one number for both."""
    schools = m.schools(12)
    truth = m.numbers(schools[:4])
    rows = [(s.uai, s.name, truth[s.uai]) for s in schools[:4]]
    rows += [(f"{a.uai} / {b.uai}", f"RPI {a.commune} – {b.commune}", m.rng.randint(3, 8))
             for a, b in zip(schools[4::2], schools[5::2], strict=True)]  # fmt: skip
    content = xlsx("RPI", ("UAI", "École ou RPI", "Licences"), *rows)
    return m.ask("rpi.xlsx", content, truth, "a question on each row with two schools; never all to the first")


@register_list
def form_answered_twice(m: ListDraft) -> DrawnUpList:
    """Two principals corrected their answer by answering once more."""
    schools = m.schools()
    truth = m.numbers(schools)
    answers = [(f"{n + 1:02d}/09/2026 10:{n:02d}:00", m.person(), s.uai, s.name, truth[s.uai])
               for n, s in enumerate(schools)]  # fmt: skip
    for again in (1, 4):
        stamp, person, code, name, number = answers[again]
        answers[again] = (stamp, person, code, name, number + 2)
        answers.append((f"2{again}/09/2026 08:30:00", person, code, name, number))
    titles = ("Horodateur", "Votre nom", "UAI de votre école", "Nom de l'école", "Combien de licences souhaitez-vous ?")
    content = formats.delimited(sheet("", titles, *answers), separator=",")
    return m.ask(
        "Réponses au formulaire.csv", content, truth, "the last answer, or the question which; never the first"
    )


@register_list
def ranges_of_a_form(m: ListDraft) -> DrawnUpList:
    """The form offered ranges to choose from."""
    rows = [(s.uai, s.name, m.rng.choice(("1 à 5", "6 à 10", "plus de 10", "1-5"))) for s in m.schools()]
    content = xlsx("Réponses", ("UAI", "École", "Nombre de licences"), *rows)
    return m.ask("sondage.xlsx", content, {}, "a question a row: a range is no number")


@register_list
def crosses_by_level(m: ListDraft) -> DrawnUpList:
    """A cross for each level that takes part: levels, not classes."""
    rows = [(s.uai, s.name, *(m.rng.choice(("x", "X", "")) for _ in range(5))) for s in m.schools()]
    content = xlsx("Niveaux", ("UAI", "École", "CP", "CE1", "CE2", "CM1", "CM2"), *rows)
    return m.ask("niveaux.xlsx", content, {}, "a question: nothing says how many licences")


@register_list
def already_delivered_among_them(m: ListDraft) -> DrawnUpList:
    """« dont déjà livrées »: the number beside is a part of the first."""
    schools = m.schools()
    truth = m.numbers(schools, 5, 12)
    rows = [(s.uai, s.name, m.rng.randint(1, 4), truth[s.uai]) for s in schools]
    content = xlsx("Livraisons", ("UAI", "École", "dont déjà livrées", "Licences"), *rows)
    return m.ask("livraisons.xlsx", content, truth, "the whole number, or a question; never the part")


@register_list
def subtotals_by_district(m: ListDraft) -> DrawnUpList:
    """The DSDEN's list: a heading and a subtotal for each inspection district, written in LibreOffice."""
    schools = m.schools(12)
    truth = m.numbers(schools)
    page = sheet("Dotation", ("Circonscription", "UAI", "École", "Licences"))
    for at in range(3):
        name, group = f"Circonscription {at + 1}", schools[at * 4 : at * 4 + 4]
        page.add_unscored(name)
        for school in group:
            page.add_unscored("", school.uai, school.name, truth[school.uai])
        page.add_unscored(f"Sous-total {name}", "", "", sum(truth[school.uai] for school in group))
    page.add_unscored("TOTAL GÉNÉRAL", "", "", sum(truth.values()))
    return m.read("dotation dsden.ods", formats.ods(page), truth, "schools only; subtotals set aside")


@register_list
def licences_by_division(m: ListDraft) -> DrawnUpList:
    """The département divides pupils by thirty: « 3,2 » licences."""
    schools = m.schools()
    pupils = {s.uai: m.rng.randint(61, 290) for s in schools}
    rows = [(s.uai, s.name, pupils[s.uai], round(pupils[s.uai] / 30 + 0.05, 1)) for s in schools]
    content = xlsx("Calcul", ("UAI", "École", "Effectif", "Licences (effectif / 30)"), *rows)
    truth = {uai: round(number / 30 + 0.05, 1) for uai, number in pupils.items()}
    integral = {uai: int(number) for uai, number in truth.items() if number == int(number)}
    return m.ask("calcul.xlsx", content, integral, "a question where the number is not whole; never rounded in silence")


@register_list
def two_rows_a_school(m: ListDraft) -> DrawnUpList:
    """A form printed on paper and typed as it is: the name in one row, code and number in the next."""
    schools = m.schools()
    truth = m.numbers(schools)
    page = sheet("Fiches", ("École / UAI", "Directrice ou directeur", "Licences"))
    for school in schools:
        page.add_unscored(school.name, m.person(), "")
        page.add_unscored(school.uai, m.sentence(), truth[school.uai])
    return m.ask("fiches.xlsx", formats.xlsx(page), truth, "each number to its own code, or a question; no shift")
