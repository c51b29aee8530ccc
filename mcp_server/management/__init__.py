"""Commands of `python -m monitor` about the MCP server."""
