"""Settings of the permissions service; everything that differs between places comes from the environment."""

import os
import secrets
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def _listed(name, default):
    """The comma-separated environment variable `name` as a list without empty members."""
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


DEBUG = False
# Nothing that outlives the process is signed, so a key made at start-up is enough.
SECRET_KEY = os.environ.get("SECRET_KEY") or secrets.token_urlsafe(48)
ALLOWED_HOSTS = _listed("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")

# Pages that may open a WebSocket, besides those of the service's own host (see permissions.origins).
ALLOWED_ORIGINS = _listed("ALLOWED_ORIGINS", "https://app.example")
SESSION_TOKEN_COOKIE = "session"
# The control interface changes anything without asking who calls: never in production.
CONFORMANCE_ENABLED = os.environ.get("CONTROL_ENABLED") == "1"
CONFORMANCE_ACTIONS = "permissions.actions.ACTIONS"
# Payload bytes of one message. Daphne's own limit ends the TCP connection without a word, so start it
# with a higher one and let the consumer say `too_large`.
MAX_MESSAGE_BYTES = 1_048_576

INSTALLED_APPS = ["channels", "permissions", "conformance_control"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "permissions_site.urls"
ASGI_APPLICATION = "permissions_site.asgi.application"
APPEND_SLASH = False
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE_PATH") or BASE_DIR / "permissions.sqlite3",
        # WebSocket handlers share one long-lived thread; keeping its connection open spares a WAL
        # checkpoint per query.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # Readers never wait for a writer in WAL mode, and a write transaction that takes its lock at
            # BEGIN waits for the other writer instead of failing with "database is locked".
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}

# Both layers drop messages silently once a channel is full. A dropped event is a broken promise, hence
# no bound in memory (0), where consumers always drain their queue, and a high one in Redis.
if _redis_url := os.environ.get("CHANNEL_LAYER_REDIS_URL"):
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [_redis_url], "capacity": 100_000, "expiry": 300},
        }
    }
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            "CONFIG": {"capacity": 0, "expiry": 300},
        }
    }

# Daphne's access log prints the query of an HTTP request, and with it the token: it is switched off by
# `-v 0`. This log takes its place; it names users, never tokens or queries.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "permissions": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
    },
}
