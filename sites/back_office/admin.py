"""Every admin page, imported here so that Django's autodiscovery finds them."""

# ruff: noqa: F401 - each registers its models
from sites.back_office import (
    accounts,
    bounces,
    catalogue,
    classes,
    collectivities,
    entitlements,
    jobs,
    mailing,
    schools,
    set_aside,
)
from sites.back_office.bank import statement_lines
from sites.back_office.sales import (
    accounting,
    card_payments,
    e_reporting,
    invoices,
    orders,
    payments,
    public_bodies,
    purchase_order_scans,
    seller,
)
