"""Code in colours."""

from __future__ import annotations

from django.utils.safestring import SafeString, mark_safe
from pygments import highlight as render
from pygments.formatters import HtmlFormatter
from pygments.lexers import JsonLexer, PythonLexer, TOMLLexer

_LEXERS = {"json": JsonLexer, "python": PythonLexer, "toml": TOMLLexer}


def highlight(text: str, language: str, *, numbered: bool = False) -> SafeString:
    """Give ``text`` as HTML; ``language`` is json, python or toml.

    Colours are classes, which the stylesheet defines: the page's policy forbids inline styles.
    """
    formatter = HtmlFormatter(
        cssclass="code", linenos="inline" if numbered else False, wrapcode=True
    )
    html: str = render(text, _LEXERS[language](stripnl=False), formatter)
    return mark_safe(html)  # noqa: S308 - Pygments escapes the text
