"""The mutation check of `make other-words` puts other words into every sentence."""

from __future__ import annotations

import pytest

from swf_common_lib.finding_text import fields_of
from tests.other_words import TABLES, modules, other_words


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_every_sentence_has_other_words_and_the_same_fields(module) -> None:
    texts = [text for table in TABLES for text in getattr(module, table).values()]
    assert len(texts) > 50
    for text in texts:
        other = other_words(text)
        assert other != text
        assert fields_of(other) == fields_of(text)
        assert [one for one in other if one in "[]"] == [one for one in text if one in "[]"]


def test_words_are_spelt_backwards() -> None:
    text = "{subject} has[ ({how})] `testbed start-agents`"

    assert other_words(text) == "{subject} sah[ ({how})] `debtset trats-stnega`"
