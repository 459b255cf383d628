"""Lists whose titles promise a number of licences and whose numbers are something else; drawn up against the code."""

from bench.damaged import formats
from bench.drawn_up.drafts import ListDraft, register_list, sheet, xlsx
from bench.drawn_up.expectations import DrawnUpList


@register_list
def order_numbers(m: ListDraft) -> DrawnUpList:
    """« Commande » is the number of the purchase order."""
    start = m.rng.randint(4_000, 5_000)
    rows = [(s.uai, s.name, s.commune, start + m.rng.randint(0, 300)) for s in m.schools()]
    content = xlsx("Engagements", ("UAI", "École", "Commune", "Commande"), *rows)
    return m.ask("engagements.xlsx", content, {}, "a question: these are purchase orders")


@register_list
def amounts_in_euros(m: ListDraft) -> DrawnUpList:
    """« Total » beside « Tarif » is an amount."""
    schools = m.schools()
    number = m.numbers(schools)
    rows = [(s.uai, s.name, 40, 40 * number[s.uai]) for s in schools]
    content = xlsx("Budget", ("UAI", "École", "Tarif", "Total"), *rows)
    return m.ask("budget.xlsx", content, {}, "a question: the total is in euros")


@register_list
def licence_codes(m: ListDraft) -> DrawnUpList:
    """« Licence » holds the supplier's six-digit code."""
    rows = [(s.uai, s.name, m.rng.randint(100_000, 199_999)) for s in m.schools()]
    content = formats.delimited(sheet("", ("UAI", "Etablissement", "Licence"), *rows), encoding="cp1252")
    return m.ask("parc.csv", content, {}, "a question: a licence's code is no number of licences")


@register_list
def subscription_years(m: ListDraft) -> DrawnUpList:
    """« Abonnement » is the year in which a school subscribed."""
    rows = [(s.uai, s.name, m.rng.choice((2023, 2024, 2025))) for s in m.schools()]
    content = xlsx("Abonnés", ("UAI", "École", "Abonnement"), *rows)
    return m.ask("abonnés.xlsx", content, {}, "a question: these are years")


@register_list
def shuffled_ranks(m: ListDraft) -> DrawnUpList:
    """« Nb » numbered the rows before the list was sorted by name."""
    schools = sorted(m.schools(14), key=lambda school: school.name)
    ranks = [*range(1, len(schools) + 1)]
    m.rng.shuffle(ranks)
    rows = [(rank, s.uai, s.name, s.commune) for rank, s in zip(ranks, schools, strict=True)]
    content = xlsx("Tri", ("Nb", "UAI", "École", "Commune"), *rows)
    return m.ask(
        "tri alphabétique.xlsx", content, {}, "a question: each number from 1 to 14 stands once, they are ranks"
    )


@register_list
def class_openings(m: ListDraft) -> DrawnUpList:
    """The measures of the school map: classes that open and close in September."""
    rows = [(s.uai, s.name, m.rng.randint(1, 2), m.rng.randint(0, 1)) for s in m.schools()]
    content = xlsx("Carte scolaire", ("UAI", "École", "Classes ouvertes", "Classes fermées"), *rows)
    return m.ask("carte scolaire.xlsx", content, {}, "a question: openings are not the classes of a school")


@register_list
def hidden_old_column(m: ListDraft) -> DrawnUpList:
    """Last year's column is hidden, and this year's has another title."""
    schools = m.schools()
    truth = m.numbers(schools)
    rows = [(s.uai, s.name, truth[s.uai] + m.rng.choice((-2, -1, 1, 3)), truth[s.uai]) for s in schools]
    page = sheet("Écoles", ("UAI", "École", "Nb licences", "Retenu 2026"), *rows)
    page.hidden = [3]
    return m.ask("retenu.xlsx", formats.xlsx(page), truth, "the visible column, or a question; never the hidden one")


@register_list
def one_number_in_the_banner(m: ListDraft) -> DrawnUpList:
    """The banner grants two licences a school; the classes stand there for information."""
    schools = m.schools()
    rows = [(s.uai, s.name, m.rng.randint(8, 14)) for s in schools]
    banner = "Dotation 2026 : 2 licences par école"
    content = xlsx("Dotation", (banner,), (), ("UAI", "École", "Nombre de classes"), *rows)
    return m.ask(
        "dotation unique.xlsx", content, {s.uai: 2 for s in schools}, "2 each, or a question; never the classes"
    )


@register_list
def tablets_under_nb(m: ListDraft) -> DrawnUpList:
    """Two rows of titles: « Nb » under « Tablettes »."""
    rows = [(s.uai, s.name, m.rng.randint(4, 15), "bon état") for s in m.schools()]
    page = sheet("Équipement", ("UAI", "École", "Tablettes", ""), ("", "", "Nb", "État"), *rows)
    page.merged = [(1, 3, 1, 4), (1, 1, 2, 1), (1, 2, 2, 2)]
    return m.ask("équipement.xlsx", formats.xlsx(page), {}, "a question: they are tablets")


@register_list
def licences_already_used(m: ListDraft) -> DrawnUpList:
    """The supplier's statement of use."""
    rows = [(s.uai, s.name, m.rng.randint(1, 9)) for s in m.schools()]
    content = xlsx("Consommation", ("UAI", "Établissement", "Licences utilisées"), *rows)
    return m.ask("consommation.xlsx", content, {}, "a question: what was used is not what is to be given")


@register_list
def classes_with_nursery_part(m: ListDraft) -> DrawnUpList:
    """Primary schools: all classes, of which some are the nursery's."""
    schools = m.schools(kind="primaire")
    everything, nursery = m.numbers(schools, 6, 12), m.numbers(schools, 1, 4)
    rows = [(s.uai, s.name, everything[s.uai], nursery[s.uai]) for s in schools]
    content = xlsx("Structures", ("UAI", "École", "Nb classes", "dont maternelle"), *rows)
    truth = {uai: number - nursery[uai] for uai, number in everything.items()}
    return m.ask("structures.xlsx", content, truth, "the classes from CP to CM2, or a question; never all of them")


@register_list
def a_supplement_on_another_sheet(m: ListDraft) -> DrawnUpList:
    """Late answers stand on a second sheet, with other titles in another order."""
    schools = m.schools(14)
    truth = m.numbers(schools)
    late = [(truth[s.uai], s.commune, s.name, s.uai) for s in schools[9:]]
    content = formats.xlsx(
        sheet("Liste", ("UAI", "École", "Licences"), *[(s.uai, s.name, truth[s.uai]) for s in schools[:9]]),
        sheet("Ajouts du 12", ("Besoin", "Ville", "Nom de l'école", "Code"), *late),
    )
    return m.ask("liste et ajouts.xlsx", content, truth, "both sheets, or a question which are to be read")
