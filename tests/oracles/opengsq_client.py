"""Queries game servers with opengsq: prints one line of JSON for each HOST:PORT.

Arguments: the module of the protocol, and the servers.
"""

import asyncio
import json
import sys

from opengsq.protocols.ase import ASE
from opengsq.protocols.gamespy1 import GameSpy1
from opengsq.protocols.gamespy2 import GameSpy2
from opengsq.protocols.gamespy3 import GameSpy3
from opengsq.protocols.gamespy4 import GameSpy4
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


def gamespy(version):
    async def read(host, port):
        status = await version(host=host, port=port, timeout=10).get_status()
        players = [(player.get("player") or player["name"], player) for player in status.players]
        return {
            "name": status.info["hostname"],
            "map": status.info["mapname"],
            "players": int(status.info["numplayers"]),
            "max_players": int(status.info["maxplayers"]),
            "password": status.info["password"] == "1",
            "player_list": [
                {"name": name, "score": int(player.get("score") or player["frags"])} for name, player in players
            ],
        }

    return read


async def query(read, target):
    host, port = target.rsplit(":", 1)
    return {"target": target, **await read(host, int(port))}


async def main(module, targets):
    versions = {"gamespy1": GameSpy1, "gamespy2": GameSpy2, "gamespy3": GameSpy3, "gamespy4": GameSpy4}
    readers = {"ase": ase, "samp": samp, **{name: gamespy(version) for name, version in versions.items()}}
    read = readers[module]
    for answer in await asyncio.gather(*(query(read, target) for target in targets)):
        print(json.dumps(answer))


asyncio.run(main(sys.argv[1], sys.argv[2:]))
