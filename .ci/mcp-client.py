"""Two agents by way of the official SDK, in both of the protocol's lifecycles: shake hands, or none and say all in each request."""
import asyncio
import pathlib
import sys

from mcp import Client, StdioServerParameters
from mcp.types import Implementation

AIO, PROJECT = sys.argv[1:]
TOOLS = ["claim", "check", "release", "status", "context", "handoff", "tell"]


def agent(name, mode):
    server = StdioServerParameters(command=AIO, args=["mcp"], cwd=PROJECT)
    return Client(server, mode=mode, client_info=Implementation(name=name, version="1"), read_timeout_seconds=30)


async def call(client, tool, **arguments):
    """The answer's text and data. The SDK holds the data against the tool's schema."""
    result = await client.call_tool(tool, arguments)
    [content] = result.content
    return result.is_error, content.text, result.structured_content


async def two_agents(mode):
    async with agent("claude-code", mode) as claude, agent("codex-mcp-client", mode) as codex:
        print(f"{mode}: {claude.protocol_version}")
        listed = await claude.list_tools()
        assert [tool.name for tool in listed.tools] == TOOLS, listed
        assert all(tool.description and tool.input_schema["type"] == "object" for tool in listed.tools)

        failed, text, data = await call(claude, "claim", targets=["src/a.py"], reason="totals")
        assert not failed and text == f"Claimed: {data['claims'][0]['id']}", text
        failed, text, data = await call(codex, "claim", targets=["src/a.py", "src/b.py"])
        holder = data["data"]["conflicts"][0]["holder"]
        assert failed and holder.startswith("claude-") and holder in text and "next: " in text, text
        failed, text, data = await call(codex, "check", paths=["src/a.py", "src/b.py"])
        assert not failed and [path["state"] for path in data["paths"]] == ["claimed", "available"], data

        waiting = asyncio.create_task(call(codex, "claim", targets=["src/a.py"], wait="20s"))
        failed, text, data = await call(claude, "context", content="prices are in cents", category="decision")
        assert not failed and data["category"] == "decision", data
        failed, text, data = await call(claude, "context", search="cents")
        assert not failed and data["entries"][0]["content"] == "prices are in cents", data
        failed, text, data = await call(claude, "tell", to="codex", message="src/a.py is yours")
        assert not failed, text
        failed, text, data = await call(claude, "release", targets=["all"])
        assert not failed and len(data["claims"]) == 1, data
        failed, text, data = await waiting
        assert not failed and data["claims"][0]["target"] == "src/a.py", text
        failed, text, data = await call(codex, "status")
        assert not failed and "src/a.py is yours" in text and data["news"][0]["from"] == holder, text

        failed, text, data = await call(claude, "handoff", note="the tests are missing")
        assert not failed and data["category"] == "handoff", data
        failed, text, data = await call(claude, "claim")
        assert failed and "missing field `targets`" in text, text
        failed, text, data = await call(claude, "no-such-tool")
        assert failed and "there is no tool" in text, text
    # Both servers have ended by now.
    async with agent("gemini-cli-mcp-client", mode) as gemini:
        failed, text, data = await call(gemini, "status")
        assert not failed and data["instances"] == [] and data["claims"] == [], data


for mode in ["legacy", "auto"]:
    asyncio.run(two_agents(mode))
    pathlib.Path.home().joinpath(".ai-orchestrator/state.json").unlink()
