#!/usr/bin/env python3
"""Measures allears beside other clients of game servers: qstat, gamedig and python-a2s.

Each client asks the same simulated servers for name, map and players. The fleet is restarted before each of them, so
each meets the same dead servers, latencies and losses; each round has its own. The clients take turns. The tables have
medians; for servers, the lowest and the highest number. The last table has allears with ten times as many servers.
A run that other programs disturb is repeated.

Everything runs on loopback, in a network namespace of its own, which also gives the kernel's count of dropped replies.
Needs Linux, /usr/bin/time, qstat, node, and `tests/oracles/install`. A client that is missing is left out.

    make bench-games
    benches/game_clients.py --rounds 1 --allears target/release/allears --oracles target/oracles
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parent.parent

# A client: its name in the table, its command without the targets, and what reads its output.
Client = namedtuple("Client", "name command read")
# A server as a client read it, with the number of players that the server has, and of those that the client listed.
Server = namedtuple("Server", "name map players listed")
# What a client did: servers found, those with all their players, seconds, CPU seconds, MiB, and the replies that the
# kernel dropped because the client's receive buffer was full. Last, how many cores other programs kept busy meanwhile.
Figures = namedtuple("Figures", "found complete seconds cpu memory drops others")

FLEET = ["--hosts", "2000", "--dead", "0.1", "--loss", "0.02", "--latency", "67ms,0.6"]
SCALE_FLEET = ["--hosts", "20000", "--dead", "0.3", "--loss", "0.03", "--latency", "67ms,0.6"]


def clients(options, protocol):
    """Returns the clients for a protocol of the fleet."""
    game, kind, gamedig = {"a2s": ("css", "a2s", "css"), "et": ("et", "woets", "wet")}[protocol]
    allears = [options.allears, "games", "--game", game, "-o", "json"]
    qstat = ["quakestat", "-default", kind, "-json", "-utf8", "-P", "-maxsim", "2000", "-sendinterval", "0"]
    node = ["node", ROOT / "benches/game_clients.mjs", options.oracles / "node", gamedig]
    python = [sys.executable, HERE, "--python-a2s", options.oracles / "python"]
    unlimited = ["--rate", "unlimited", "--prefix-rate", "unlimited"]
    all_clients = [
        Client("allears", [*allears, "-i"], read_allears),
        Client("allears, 10,000 packets/s", [*allears, "--rate", "10000", "-i"], read_allears),
        Client("allears, unlimited rate", [*allears, *unlimited, "-i"], read_allears),
        Client("qstat, 3 tries", [*qstat, "-f"], read_qstat),
        Client("qstat, 5 tries", [*qstat, "-retry", "5", "-f"], read_qstat),
        *(Client(f"gamedig, {count:,} at once", [*node, str(count)], read_lines) for count in (200, 500, 2000)),
        *(Client(f"python-a2s, {count:,} at once", [*python, str(count)], read_lines) for count in (500, 2000)),
    ]
    usable = {
        "allears": os.access(options.allears, os.X_OK),
        "qstat": shutil.which("quakestat"),
        "gamedig": shutil.which("node") and (options.oracles / "node/node_modules/gamedig").exists(),
        "python-a2s": protocol == "a2s" and (options.oracles / "python/a2s").exists(),
    }
    return [client for client in all_clients if usable[client.name.split(",")[0]]]


def scale_clients(options):
    """Returns allears with as many tries as it is to be measured with."""
    command = [options.allears, "games", "--game", "css", "-o", "json", "--rate", "10000"]
    return [
        Client(f"`--tries {tries}`", [*command, "--tries", tries, "-i"], read_allears) for tries in ["3", "5"]
    ]


def count_of(players):
    return None if players is None else len(players)


def read_allears(output):
    answers = [line.get("answer") for line in map(json.loads, output.splitlines())]
    return [
        Server(answer["name"], answer["map"], answer["players"], count_of(answer["player_list"]))
        for answer in answers
        if answer
    ]


def read_qstat(output):
    return [
        Server(server["name"], server["map"], server["numplayers"], count_of(server.get("players")))
        for server in json.loads(output)
        if server["status"] == "online"
    ]


def read_lines(output):
    return [Server(*json.loads(line)) for line in output.splitlines()]


def kernel_drops():
    """Returns how many datagrams found a receive buffer full, in this network namespace."""
    keys, values = [line.split() for line in open("/proc/net/snmp") if line.startswith("Udp:")]
    return int(values[keys.index("RcvbufErrors")])


def busy_seconds():
    """Returns the CPU time of all programs since the machine started, less that of the programs that this one ran."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, open("/proc/stat").readline().split()[1:])
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK") - ours.ru_utime - ours.ru_stime


def measure(options, fleet_options, protocol, client):
    """Starts a fleet, and a client that queries all of it; returns how many servers live, and what the client did."""
    with tempfile.TemporaryDirectory() as folder:
        targets, usage, output, errors = [Path(folder) / name for name in ("targets", "usage", "output", "errors")]
        busy, begin = busy_seconds(), time.monotonic()
        command = [options.allears, "fleet", "--protocol", protocol, *fleet_options, "--targets", targets]
        fleet = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            alive = json.loads(fleet.stdout.readline())["alive"]
            drops = kernel_drops()
            start = time.monotonic()
            run(client, targets, usage, output, errors)
            seconds = time.monotonic() - start
        finally:
            fleet.send_signal(signal.SIGINT)
            closing = json.loads(fleet.communicate()[0])
        if closing["local_drops"]:
            print(f"{client.name}: the fleet itself dropped {closing['local_drops']} requests", file=sys.stderr)
        servers = client.read(output.read_text(errors="replace"))
        if not servers:
            print(f"{client.name} found nothing: {errors.read_text(errors='replace')}", file=sys.stderr)
        user, system, memory = usage.read_text().split()[-3:]
        return alive, Figures(
            found=sum(bool(server.name and server.map) for server in servers),
            complete=sum(server.players == server.listed for server in servers),
            seconds=seconds,
            cpu=float(user) + float(system),
            memory=int(memory) / 1024,
            drops=kernel_drops() - drops - closing["local_drops"],
            others=(busy_seconds() - busy) / (time.monotonic() - begin),
        )


def run(client, targets, usage, output, errors):
    """Runs a client. /usr/bin/time starts it: as a child of this process, it would seem to have this one's memory."""
    with open(output, "wb") as stdout, open(errors, "wb") as stderr:
        subprocess.run(
            ["/usr/bin/time", "-o", usage, "-f", "%U %S %M", *client.command, targets],
            stdout=stdout,
            stderr=stderr,
            timeout=300,
        )


def undisturbed(*run):
    """Measures until other programs keep no more than a quarter of a core busy, or for the tenth time."""
    for _ in range(10):
        alive, figures = measure(*run)
        if figures.others <= 0.25:
            break
        print(f"repeated: other programs kept {figures.others:.2f} cores busy", file=sys.stderr)
        time.sleep(5)
    return alive, figures


def compare(options, title, fleet_options, protocol, all_clients):
    """Measures clients in turns, and prints a table."""
    rounds = []
    for seed in range(1, options.rounds + 1):
        seeded = [*fleet_options, "--seed", str(seed)]
        rounds.append([undisturbed(options, seeded, protocol, client) for client in all_clients])
    print(f"\n{title}: allears fleet --protocol {protocol} {' '.join(fleet_options)} --seed 1 to {options.rounds}\n")
    print("| | living servers found | with all players | time | CPU | memory | local drops |")
    print("|---|---|---|---|---|---|---|")
    for client, runs in zip(all_clients, zip(*rounds)):
        alive = runs[0][0]
        columns = Figures(*zip(*(figures for _, figures in runs)))
        seconds, cpu, memory = map(statistics.median, (columns.seconds, columns.cpu, columns.memory))
        print(
            f"| {client.name} | {span(columns.found)} of {alive:,} | {span(columns.complete)} "
            f"| {seconds:.1f} s | {cpu:.2f} s | {memory:.0f} MiB | {span(columns.drops)} |"
        )
    busiest = max(figures.others for runs in rounds for _, figures in runs)
    print(f"\nother programs kept at most {busiest:.2f} of {os.cpu_count()} cores busy during a run", flush=True)


def span(values):
    """Returns the lowest and the highest value, or the only one."""
    lowest, highest = min(values), max(values)
    return f"{lowest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--allears", type=Path, default=ROOT / "target/release/allears")
    parser.add_argument("--oracles", type=Path, default=ROOT / "target/oracles")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--python-a2s", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.python_a2s:
        asyncio.run(query_with_python_a2s(*options.python_a2s))
        return
    if not options.inside:
        unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
        os.execvp("unshare", [*unshare, sys.executable, str(HERE), "--inside", *sys.argv[1:]])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    compare(options, "A2S", FLEET, "a2s", clients(options, "a2s"))
    compare(options, "Enemy Territory", FLEET, "et", clients(options, "et"))
    compare(options, "A2S, many servers", SCALE_FLEET, "a2s", scale_clients(options))


async def query_with_python_a2s(folder, count, targets):
    """Queries with python-a2s, as a process of its own. It does not repeat lost requests, so this does."""
    sys.path.insert(0, folder)
    import a2s

    at_once = asyncio.Semaphore(int(count))

    async def three_tries(request, address):
        for _ in range(3):
            try:
                return await request(address, timeout=1.0)
            except (asyncio.TimeoutError, TimeoutError, OSError, a2s.BrokenMessageError):
                pass
        return None

    async def query(target):
        host, port = target.rsplit(":", 1)
        address = (host, int(port))
        async with at_once:
            info = await three_tries(a2s.ainfo, address)
            players = info and await three_tries(a2s.aplayers, address)
        if info:
            print(json.dumps([info.server_name, info.map_name, info.player_count, count_of(players)]))

    await asyncio.gather(*map(query, Path(targets).read_text().split()))


if __name__ == "__main__":
    main()
