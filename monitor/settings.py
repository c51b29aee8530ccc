"""Django's settings, drawn from the testbed's own (``swf_common_lib.settings``)."""

import secrets

from monitor.database import databases
from monitor.server_zone import server_zone_name
from swf_common_lib.settings import load_settings

TESTBED = load_settings()

# Without a stored key (tests, one-off commands) sessions last as long as the process.
SECRET_KEY = TESTBED.swf_secret_key or secrets.token_urlsafe(32)
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *TESTBED.host_names]
# The origin that browsers name behind a reverse proxy, should that not pass on the scheme.
CSRF_TRUSTED_ORIGINS = [TESTBED.swf_public_url] if TESTBED.swf_public_url else []
ROOT_URLCONF = "monitor.urls"
WSGI_APPLICATION = None

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "monitor",  # commands alone, as the next
    "mcp_server",
    "monitor.records",
    "monitor.web",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "monitor.web.middleware.SecurityHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ]
        },
    }
]

DATABASES = databases(TESTBED)

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
# Times without a zone are the server's local time (wire contract). Stored times are UTC. Django
# also sets TZ of the process, and so of its children, to this: another zone would change theirs.
TIME_ZONE = server_zone_name()
LANGUAGE_CODE = "en"
USE_I18N = False

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
LOGIN_URL = "/login/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TESTBED.public_url.startswith("https:")
# A second checkout on the same machine has its own cookies, though browsers ignore ports.
SESSION_COOKIE_NAME = f"swf_session_{TESTBED.swf_web_port}"
CSRF_COOKIE_NAME = f"swf_csrf_{TESTBED.swf_web_port}"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "monitor.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["monitor.api.permissions.ScopePermission"],
    "EXCEPTION_HANDLER": "monitor.api.problems.problem_response",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "ePIC streaming workflow testbed",
    "DESCRIPTION": "REST interface of the monitor.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    # The link that heals says what there is to say; answers of 400 to 404 are the callers' affair.
    "loggers": {
        "stomp.py": {"level": "ERROR"},
        "django.request": {"level": "ERROR"},
        # It complains at each attempt; who needs a connection says once that there is none.
        "psycopg.pool": {"level": "ERROR"},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
