"""What the collectivities' schemas declare: the e-mail of checkpoints."""

from tenants import checkpoints  # noqa: F401 - registers its kind
