"""The MCP server: the testbed for assistants."""
