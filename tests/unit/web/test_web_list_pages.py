"""The table of lists names parameters and templates that there are."""

from __future__ import annotations

import pytest
from django.template import Context
from django.template.loader import get_template
from django.test import RequestFactory
from django.urls import reverse

from monitor.web.templatetags.web import navigation
from monitor.web.views.lists import LISTS

every_list = pytest.mark.parametrize("name", LISTS)


@every_list
def test_its_filters_are_parameters_of_its_selection(name):
    listed = LISTS[name]
    assert {item.name for item in listed.filters} <= listed.selection.parameters.keys()


@every_list
def test_it_has_a_template_and_an_address(name):
    assert get_template(f"web/{LISTS[name].template}")
    assert reverse(f"web:{name}").endswith(f"/{name}/")


@every_list
def test_the_navigation_leads_to_it(name):
    request = RequestFactory().get("/")
    addresses = [item["url"] for item in navigation(Context({"request": request}))["items"]]
    assert reverse(f"web:{name}") in addresses
