from django.db import models

class TenantMixin(models.Model):
    auto_create_schema: bool
    auto_drop_schema: bool
    schema_name: models.CharField[str, str]
    domain_url: str | None

    class Meta:
        abstract = True

class DomainMixin(models.Model):
    domain: models.CharField[str, str]
    tenant: models.ForeignKey[TenantMixin, TenantMixin]
    is_primary: models.BooleanField[bool, bool]

    class Meta:
        abstract = True
