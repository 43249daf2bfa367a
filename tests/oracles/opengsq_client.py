"""Queries game servers with opengsq: prints one line of JSON for each HOST:PORT.

Arguments: the module of the protocol, and the servers.
"""

import asyncio
import json
import sys

from opengsq.protocols.ase import ASE
from opengsq.protocols.samp import Samp


async def ase(host, port):
    status = await ASE(host=host, port=port, timeout=10).get_status()
    return {
        "name": status.hostname,
        "map": status.map,
        "players": status.num_players,
        "max_players": status.max_players,
        "password": status.password,
        "player_list": [{"name": player.name, "score": player.score} for player in status.players],
        "rules": status.rules,
    }


async def samp(host, port):
    client = Samp(host=host, port=port, timeout=10)
    status = await client.get_status()
    try:
        # open.mp does not answer this.
        players = await Samp(host=host, port=port, timeout=1).get_players()
        player_list = [{"name": player.name, "score": player.score} for player in players]
    except (asyncio.TimeoutError, TimeoutError):
        player_list = None
    return {
        "name": status.server_name,
        "players": status.num_players,
        "max_players": status.max_players,
        "password": status.password,
        "player_list": player_list,
        "rules": dict(await client.get_rules()),
    }


async def query(read, target):
    host, port = target.rsplit(":", 1)
    return {"target": target, **await read(host, int(port))}


async def main(module, targets):
    read = {"ase": ase, "samp": samp}[module]
    for answer in await asyncio.gather(*(query(read, target) for target in targets)):
        print(json.dumps(answer))


asyncio.run(main(sys.argv[1], sys.argv[2:]))
