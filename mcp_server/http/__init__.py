"""MCP over HTTP: the service, who may come in, streams that stay open."""
