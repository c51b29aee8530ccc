"""What people and assistants run on the host of agents: programs for that host's own Python."""

from __future__ import annotations

BROWSER = """
import json, re, sys, requests
link, authority = sys.argv[1:]
base = link.partition("/login/")[0]

def session():
    made = requests.Session()
    made.verify = authority
    made.headers["Origin"] = base
    return made

def fields(page):
    return dict(re.findall(r'<input type="hidden" name="(\\w+)" value="([^"]+)"', page.text))

browser = session()
page = browser.get(link)
if page.url == link:
    page = browser.post(link, data=fields(page))
page = browser.get(base + "/")
form = {**fields(page), "config": "fast_processing_default", "stf_count": "2", "mode": "fast"}
answer = browser.post(base + "/executions/start/", data=form, allow_redirects=False)
foreign = session().get(base + "/", headers={"Host": "evil.example.org"})
print(json.dumps({
    "status": answer.status_code,
    "page": answer.text,
    "location": answer.headers.get("location", ""),
    "insecure cookies": [cookie.name for cookie in browser.cookies if not cookie.secure],
    "foreign": [foreign.status_code, foreign.text],
}))
"""
"""Logs in with a link, starts a run by the form; arguments: the link, the authority's file."""

ASSISTANT = """
import asyncio, json, ssl, sys
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

async def main(url, token, authority, execution_id):
    headers = {"Authorization": "Bearer " + token}
    trusted = ssl.create_default_context(cafile=authority)
    async with httpx2.AsyncClient(headers=headers, verify=trusted, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            named = {"execution_id": execution_id}
            found = await client.call_tool("get_workflow_execution", named)
        foreign = await http.post(url, json={}, headers={"Host": "evil.example.org"})
    print(json.dumps({"found": found.structured_content, "foreign": foreign.status_code}))

asyncio.run(main(*sys.argv[1:]))
"""
"""Asks for an execution over MCP; arguments: address, token, the authority's file, the id."""
