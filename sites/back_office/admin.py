"""Every admin page, imported here so that Django's autodiscovery finds them."""

from sites.back_office import (  # noqa: F401 - each registers its models
    accounts,
    bank,
    bounces,
    catalogue,
    classes,
    collectivities,
    entitlements,
    jobs,
    mailing,
    sales,
    schools,
    set_aside,
)
