"""Tokens and login links: who may use REST, MCP and the web UI."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from swf_common_lib.states import TokenScope


class ApiToken(models.Model):
    """A token; only the hash of its key is stored."""

    name = models.CharField(max_length=100, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    """SHA-256 of the key, hex; the key has 256 random bits, so no salt is needed."""
    scope = models.CharField(max_length=10, choices=TokenScope.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.scope})"


class LoginLink(models.Model):
    """A link that opens one browser session, once, for a short time."""

    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"login link of {self.user}"
