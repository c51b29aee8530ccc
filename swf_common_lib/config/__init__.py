"""Configuration: workflow configurations, ``testbed.toml``, and their expansion."""

from swf_common_lib.config.accepted import AcceptedParameter, accepted_parameters
from swf_common_lib.config.catalogue import (
    ConfigurationSummary,
    list_configurations,
    resolve_config_name,
)
from swf_common_lib.config.expansion import Expanded, expand
from swf_common_lib.config.parameters import PARAMETERS, Parameter
from swf_common_lib.config.testbed_file import (
    AgentEntry,
    TestbedFile,
    WorkflowDefault,
    load_testbed_file,
    parse_testbed_file,
)
from swf_common_lib.config.toml_text import parse_assignment, parse_toml, read_text
from swf_common_lib.config.views import FastProcessing, data_taking, fast_processing
from swf_common_lib.suggestions import did_you_mean, nearest

__all__ = [
    "PARAMETERS",
    "AcceptedParameter",
    "AgentEntry",
    "ConfigurationSummary",
    "Expanded",
    "FastProcessing",
    "Parameter",
    "TestbedFile",
    "WorkflowDefault",
    "accepted_parameters",
    "data_taking",
    "did_you_mean",
    "expand",
    "fast_processing",
    "list_configurations",
    "load_testbed_file",
    "nearest",
    "parse_assignment",
    "parse_testbed_file",
    "parse_toml",
    "read_text",
    "resolve_config_name",
]
