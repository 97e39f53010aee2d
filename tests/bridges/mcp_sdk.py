#!/usr/bin/env python3
"""Read a registry by mcp-registry-sdk, which needs Python 3.13. usage: mcp_sdk.py URL"""
import asyncio
import sys

from mcpreg import RegistryClient, RegistrySettings


async def main(url):
    async with RegistryClient(RegistrySettings(base_url=url)) as client:
        listed = [one async for one in client.iter_servers(limit=10)]
        names = [one.server.name for one in listed]
        assert len(set(names)) == len(names) > 50, names
        found = await client.list_servers(search="number 17")
        assert [one.server.title for one in found.servers] == ["Flow 17"], found
        for one in listed:
            versions = await client.list_versions(one.server.name)
            assert [v.server.version for v in versions.servers] == [one.server.version]
            latest = await client.get_version(one.server.name, "latest")
            assert latest.server == one.server
            assert (await client.get_version(one.server.name, one.server.version)).server == one.server
        recent = [one async for one in client.iter_servers(updated_since="2020-01-01T00:00:00Z")]
        assert len(recent) == len(listed)


asyncio.run(main(sys.argv[1]))
