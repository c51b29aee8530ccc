"""Why an execution is not where it should be: causes, evidence, next steps."""

from mcp_server.diagnosis.diagnose import Diagnosis, diagnose, summary_of

__all__ = ["Diagnosis", "diagnose", "summary_of"]
