"""How pages write times, durations, states and values."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timezone
from typing import Any, Literal

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils import timezone as clock
from django.utils.dateparse import parse_datetime
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from monitor.health.liveness import health_of, liveness_of
from monitor.records.models import SystemAgent
from monitor.web.flatten import highlight, json_text
from swf_common_lib.config import PARAMETERS, Expanded
from swf_common_lib.finding_text import shown
from swf_common_lib.findings import Evidence
from swf_common_lib.messages import Message

register = template.Library()

_COMMAND = re.compile(r"`([^`\n]+)`")
_LINE = 160
"""Characters of a text that is shown in one line."""

_TONES = {
    "ok": "completed processed done ok ready up connected",
    "busy": "running processing physics busy",
    "wait": "pending queued imminent registered starting idle standby",
    "warn": "paused warning degraded late",
    "bad": "failed error critical faulty down disconnected fatal silent",
}
_TONE_OF = {word: tone for tone, words in _TONES.items() for word in words.split()}


_PAGES = (
    ("dashboard", "Dashboard"),
    ("workflows", "Workflows"),
    ("executions", "Executions"),
    ("runs", "Runs"),
    ("messages", "Messages"),
    ("agents", "Agents"),
    ("workers", "Workers"),
    ("stf-files", "STF files"),
    ("tf-samples", "TF samples"),
    ("slices", "Slices"),
    ("run-states", "Run states"),
    ("events", "Events"),
    ("logs", "Logs"),
)


@register.inclusion_tag("web/parts/navigation.html", takes_context=True)
def navigation(context: Context) -> dict[str, Any]:
    """Return the links to the main pages, with the present page marked."""
    request = context["request"]
    items = []
    for name, label in _PAGES:
        url = reverse(f"web:{name}")
        here = request.path == url if url == "/" else request.path.startswith(url)
        items.append({"url": url, "label": label, "current": here})
    return {"items": items, "request": request}


@register.simple_tag
def badge(state: Any) -> SafeString | str:
    """Return a state as a coloured word; the colour only repeats the word's meaning."""
    word = str(state if state is not None else "")
    if not word:
        return ""
    tone = _TONE_OF.get(word.lower(), "plain")
    return format_html('<span class="badge tone-{}">{}</span>', tone, word)


@register.simple_tag
def when(moment: datetime | Literal[""] | None, precise: bool = False) -> SafeString | str:
    """Return a moment in UTC; the page's script shows it in the reader's time zone."""
    if moment is None or moment == "":
        return ""
    moment = moment.astimezone(timezone.utc)
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    if precise:
        text += f".{moment.microsecond // 1000:03d}"
    return format_html(
        '<time datetime="{}"{}>{} UTC</time>',
        moment.isoformat().replace("+00:00", "Z"),
        SafeString(' data-precise="1"') if precise else "",
        text,
    )


@register.simple_tag
def evidence(seen: Evidence) -> SafeString | str:
    """Return what was seen: seconds as a duration, a moment as one, anything else with its unit."""
    if isinstance(seen.value, str):
        moment = parse_datetime(seen.value) if seen.name.endswith("_at") else None
        return when(moment) if moment else seen.value
    if seen.unit == "s":
        return duration(seen.value)
    # What has no unit may be the number of a process or a port: no figure to be grouped.
    return f"{figure(seen.value)} {seen.unit}" if seen.unit else shown(seen)


@register.filter
def ago(moment: datetime | None) -> str:
    """Return how long ago a moment was, in words."""
    if moment is None:
        return "never"
    seconds = round((clock.now() - moment).total_seconds())
    return f"{duration(max(0, seconds))} ago"


@register.filter
def duration(seconds: Any) -> str:
    """Return seconds in readable form: ``0.25 s``, ``12.3 s``, ``3 min 05 s``, ``2 h 04 min``."""
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        return ""
    if not math.isfinite(seconds):
        return str(seconds)
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds < 59.95 else "1 min 00 s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


@register.filter
def figure(value: Any) -> str:
    """Return a number in readable form: thousands separated, at most four decimals."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else str(value)
    if not math.isfinite(value):
        return str(value)
    if value == int(value):
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.1f}".replace(",", "\u202f")


@register.filter
def commands(text: Any) -> SafeString:
    """Return a text as HTML, with what is between backticks as code."""
    return SafeString(_COMMAND.sub(r"<code>\1</code>", escape(text)))


@register.filter
def spaced(name: str) -> str:
    """Return a field's name with spaces: ``slices_per_sample`` → ``slices per sample``."""
    return str(name).replace("_", " ")


@register.filter
def plain(value: Any) -> str:
    """Return a JSON value on one line, texts without quotes."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


@register.filter
def rounded(value: Any) -> str:
    """Return a JSON value as text, a number with few digits."""
    return figure(value) if isinstance(value, float) else plain(value)


@register.filter
def as_json(value: Any) -> SafeString:
    """Return a value as indented, coloured JSON."""
    return highlight(json_text(value), "json")


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """Return the value of a key that is a template variable; None where there is none."""
    return mapping.get(key) if hasattr(mapping, "get") else None


@register.filter
def pairs(value: Any) -> list[tuple[Any, Any]]:
    """Return keys and values of a JSON object; an empty list for anything else.

    A template cannot use ``value.items``: that is the value of a key "items", where there is one.
    """
    return list(value.items()) if isinstance(value, dict) else []


@register.filter
def is_object(value: Any) -> bool:
    """Return whether a value is a JSON object that is not empty."""
    return isinstance(value, dict) and bool(value)


@register.simple_tag
def run_link(run: Any) -> SafeString | str:
    """Return a run's number as a link to its page; anything else as plain text."""
    text = str(run if run is not None else "")
    if not (text.isascii() and text.isdigit()):
        return text
    return format_html('<a href="{}">{}</a>', reverse("web:run", args=[int(text)]), text)


@register.filter
def until(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds from one moment to another, or to now while there is no end."""
    if start is None:
        return None
    return ((end or clock.now()) - start).total_seconds()


@register.filter
def less(value: Any, other: Any) -> float | None:
    """Return the difference of two simulated times; None while one is missing."""
    return None if value is None or other is None else float(value) - float(other)


@register.filter
def first_line(text: str) -> str:
    """Return the beginning of a text, for one line."""
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"


_SHOWN_ELSEWHERE = {*Message.model_fields, "checksum", "carried_out_by"}
"""Fields of a message that lists show in their own columns, or not at all."""


@register.filter
def gist(content: Any) -> str:
    """Return the content of a message or event in one line, without its envelope."""
    if not isinstance(content, dict):
        return first_line(plain(content))
    said = []
    for key, value in content.items():
        if key in _SHOWN_ELSEWHERE or value in (None, "", [], {}):
            continue
        if isinstance(value, list):
            said.append(f"{len(value)} {spaced(key)}")
        elif isinstance(value, dict):
            inner = ", ".join(f"{spaced(name)} {_brief(item)}" for name, item in value.items())
            said.append(f"{spaced(key)}: {inner}")
        else:
            said.append(f"{spaced(key)} {plain(value)}")
    return first_line(" · ".join(said))


def _brief(value: Any) -> str:
    return "…" if isinstance(value, list | dict) else plain(value)


@register.filter
def liveness(agent: SystemAgent) -> str:
    """Return how an agent stands by its heartbeats: alive, late, silent or exited."""
    return liveness_of(agent, clock.now()).value


@register.filter
def health(agent: SystemAgent) -> str:
    """Return an agent's own word on its health, UNKNOWN when it is not alive to say it."""
    return health_of(agent, clock.now())


@register.filter
def unit_of(parameter: str) -> str:
    """Return the unit of a parameter's value; empty when it has none or is not known."""
    return PARAMETERS[parameter].unit if parameter in PARAMETERS else ""


@register.filter
def meaning_of(parameter: str) -> str:
    """Return what a parameter means; empty when it is not known."""
    return PARAMETERS[parameter].doc if parameter in PARAMETERS else ""


@register.filter
def origin(expanded: Expanded, section: str) -> dict[str, str]:
    """Return where the values of one section came from, by key."""
    start = f"{section}."
    return {
        name.removeprefix(start): source
        for name, source in expanded.provenance.items()
        if name.startswith(start)
    }
