"""The address of a database: read whole, refused in words that hold no password."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swf_common_lib.database_url import parse_database_url
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.settings import load_settings

SECRET = "s3cr3t"


def test_every_part() -> None:
    address = parse_database_url("postgresql://me:p%40ss%2Fw%3A@db.host:6543/monitor")
    assert (address.host, address.port, address.user) == ("db.host", 6543, "me")
    assert (address.password, address.name) == ("p@ss/w:", "monitor")
    assert str(address) == "me@db.host:6543/monitor"
    assert "p@ss" not in repr(address)


def test_defaults_and_options() -> None:
    address = parse_database_url("postgres://me@/monitor?host=/run/postgresql&sslmode=require")
    assert (address.host, address.port, address.password) == ("/run/postgresql", 5432, "")
    assert dict(address.options) == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"mysql://me:{SECRET}@host/db", "does not begin with postgresql://"),
        (f"me:{SECRET}@host/db", "does not begin with postgresql://"),
        (f"postgresql://me:{SECRET}@host", "no database name"),
        (f"postgresql://me:{SECRET}@/db", "no host"),
        ("postgresql://host/db", "no user"),
        (f"postgresql://me:{SECRET}@host:port/db", "not of the form"),
        (f"postgresql://me:{SECRET}@host:70000/db", "not of the form"),
        (f"postgresql://me:{SECRET}@host:0/db", "not a port"),
        (f"postgresql://me:a/{SECRET}@host/db", "%2F"),
        (f"postgresql://me:a#{SECRET}@host/db", "%23"),
        (f"postgresql://me:{SECRET}@host/db?sslmoed=x", "'sslmoed'"),
        (f"postgresql://me:{SECRET}@host/db/more", "%2F"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path, {"SWF_DATABASE_URL": url})
    told = str(caught.value)
    assert "SWF_DATABASE_URL" in told
    assert said in told
    assert SECRET not in told


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_database_url(f"postgresql://{text}")
    except ValueError:
        return


def test_settings_do_not_show_it(tmp_path: Path) -> None:
    settings = load_settings(
        tmp_path, {"SWF_DATABASE_URL": f"postgresql://me:{SECRET}@localhost/db"}
    )
    assert SECRET not in repr(settings)
