"""MCP over HTTP: the service, the check of tokens, streams that stay open."""
