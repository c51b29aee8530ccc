"""Findings as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from swf_common_lib.findings import FindingCode, Remedy, Severity, SubjectKind


def _choices(values: Any) -> list[str]:
    return [one.value for one in values]


class SubjectSerializer(serializers.Serializer[Any]):
    """The thing that a finding is about."""

    kind = serializers.ChoiceField(choices=_choices(SubjectKind))
    id = serializers.CharField(allow_blank=True)


class FindingSerializer(serializers.Serializer[Any]):
    """One thing that needs a hand, or is worth knowing."""

    code = serializers.ChoiceField(choices=_choices(FindingCode))
    severity = serializers.ChoiceField(choices=_choices(Severity))
    subject = SubjectSerializer()
    since = serializers.DateTimeField(required=False)
    evidence = serializers.DictField(
        required=False, help_text="Named figures: `value`, and `unit` where it has one."
    )
    remedy = serializers.ChoiceField(choices=_choices(Remedy))
    target = serializers.DictField(required=False, help_text="What the remedy is carried out on.")
    symptom_of = serializers.ChoiceField(choices=_choices(FindingCode), required=False)


class HealthSerializer(serializers.Serializer[Any]):
    """What needs a hand in the whole testbed."""

    as_of = serializers.DateTimeField()
    healthy = serializers.BooleanField(help_text="Nothing needs a hand; notes need none.")
    findings = FindingSerializer(many=True)


class DiagnosisSerializer(serializers.Serializer[Any]):
    """What is wrong with one execution."""

    execution_id = serializers.CharField()
    status = serializers.CharField()
    as_of = serializers.DateTimeField()
    findings = FindingSerializer(many=True)
