from django.db import models


class User(models.Model):
    """Who may have a permission. Ids come from the platform's user directory and use the full 63 bits."""

    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=150, unique=True)
    groups = models.JSONField(default=list)
    roles = models.JSONField(default=list)
    menus = models.JSONField(default=list)
    is_active = models.BooleanField(default=True)

    def __str__(self):
        return self.name


class Token(models.Model):
    """A bearer token, known by its SHA-256 only: a leaked database opens no session."""

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    not_before = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked = models.BooleanField(default=False)

    def __str__(self):
        return f"token of {self.user_id}"


CODENAME_LENGTH = 200


class Permission(models.Model):
    """One permission granted to one user; the absence of a row is the absence of the permission."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="permissions")
    codename = models.CharField(max_length=CODENAME_LENGTH)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "codename"], name="permission_granted_once"),
        ]

    def __str__(self):
        return f"{self.user_id}: {self.codename}"
