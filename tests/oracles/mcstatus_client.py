"""Queries Minecraft servers with mcstatus: prints one line of JSON for each HOST:PORT."""

import json
import sys

from mcstatus import JavaServer


def query(target):
    host, port = target.rsplit(":", 1)
    answer = JavaServer(host, int(port), query_port=int(port)).query()
    return {
        "target": target,
        "name": answer.motd.to_plain().replace("\0", ""),
        "map": answer.map_name,
        "players": answer.players.online,
        "max_players": answer.players.max,
        "player_list": [{"name": name} for name in answer.players.list],
    }


for argument in sys.argv[1:]:
    print(json.dumps(query(argument)))
