"""Queries A2S servers with python-a2s: prints one line of JSON for each HOST:PORT."""

import json
import sys

import a2s


def query(target):
    host, port = target.rsplit(":", 1)
    address = (host, int(port))
    info = a2s.info(address)
    players = a2s.players(address)
    return {
        "target": target,
        "name": info.server_name,
        "map": info.map_name,
        "players": info.player_count,
        "bots": info.bot_count,
        "max_players": info.max_players,
        "password": info.password_protected,
        "player_list": [{"name": player.name, "score": player.score, "seconds": player.duration} for player in players],
        "rules": a2s.rules(address),
    }


for argument in sys.argv[1:]:
    print(json.dumps(query(argument)))
