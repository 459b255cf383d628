"""Every admin page, imported here so that Django's autodiscovery finds them."""

# ruff: noqa: F401 - each registers its models
from sites.back_office import (
    accounting,
    accounts,
    bank,
    catalogue,
    collectivities,
    invoices,
    jobs,
    licences,
    mail,
    orders,
    payments,
    schools,
)
