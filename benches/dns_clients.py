#!/usr/bin/env python3
"""Measures `allears dns` beside massdns and dnsperf: names per second, CPU time per name, and what got lost.

All ask one server for the addresses of the same names, each of which exists once. The server is a fleet of one host, on
a core of its own; the client has the other core. The clients take turns, in another order each round, and write their
results to a file in the same format (dnsperf writes none). The table has medians, and the last column the ratio of names
per second to that of allears, of the same round.

Two more tables: what a name costs with 1,000 and with 100,000 queries in flight, sent at the same rate; and the time to
probe 100,000 host names, beside the time to resolve them.

Everything runs on loopback, in a network namespace of its own. Needs Linux with two cores, root, /usr/bin/time and dnsperf; massdns is not
part of Debian, and is left out if it is not in PATH or named with --massdns.

    make bench-dns
    benches/dns_clients.py --names 500000 --rounds 5 --allears target/release/allears --massdns massdns
"""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A client: its name in the table, its command, and what counts the names that it did not resolve.
Client = namedtuple("Client", "name command lost")
# Names per second, microseconds of CPU per name, MiB, names without an answer, and replies that the kernel dropped.
Figures = namedtuple("Figures", "rate cpu memory lost drops")


def clients(options, server, names, folder):
    """Returns the clients that are there."""
    host, port = server.rsplit(":", 1)
    resolvers, queries = folder / "resolvers", folder / "queries"
    resolvers.write_text(server + "\n")
    queries.write_text("".join(f"{name} A\n" for name in names.read_text().split()))
    out = folder / "out"
    allears = [options.allears, "dns", "-q", "--server", server, "--rate", "unlimited", "-o", "simple", "--to", out, "-i", names]
    massdns = [options.massdns, "-q", "-r", resolvers, "-t", "A", "-o", "S", "-w", out]
    dnsperf = ["dnsperf", "-s", host, "-p", port, "-d", queries, "-c", "1", "-T", "1"]

    def missing_lines(_):
        return options.names - sum(1 for _ in out.open())

    def reported(text):
        return int(re.search(r"Queries lost: +(\d+)", text)[1])

    found = [Client("allears", allears, missing_lines)]
    if shutil.which(options.massdns):
        found.append(Client("massdns -s 150", [*massdns, "-s", "150", names], missing_lines))
        found.append(Client("massdns", [*massdns, names], missing_lines))
    else:
        print("massdns is not there: the table is without it", file=sys.stderr)
    if shutil.which("dnsperf"):
        found.append(Client("dnsperf -q 1000", [*dnsperf, "-q", "1000"], reported))
    else:
        print("dnsperf is not there: the table is without it", file=sys.stderr)
    return found


def dropped():
    """Returns how many datagrams the namespace has dropped at full receive buffers."""
    rows = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Udp:")]
    return int(dict(zip(*rows))["RcvbufErrors"])


def timed(command, cores="0"):
    """Runs a command on these cores. Returns its output, the seconds that it took, those of CPU time, and its MiB."""
    with tempfile.NamedTemporaryFile("r") as usage:
        command = ["taskset", "-c", cores, "/usr/bin/time", "-o", usage.name, "-f", "%U %S %M", *command]
        start = time.monotonic()
        done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        seconds = time.monotonic() - start
        if done.returncode != 0:
            sys.exit(f"{command} failed: {done.stdout}")
        user, system, memory = map(float, usage.read().split())
    return done.stdout, seconds, user + system, memory / 1024


def run(client, options):
    """Runs a client on the first core, and returns what it did."""
    drops = dropped()
    output, seconds, cpu, memory = timed(client.command)
    rate, cpu = options.names / seconds, cpu / options.names * 1e6
    return Figures(rate, cpu, memory, client.lost(output), dropped() - drops)


@contextmanager
def fleet(options, *arguments, cores="1"):
    """Runs simulated hosts on these cores, and yields the address of the first one."""
    command = ["taskset", "-c", cores, options.allears, "fleet", *arguments]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True) as hosts:
        yield json.loads(hosts.stdout.readline())["first"]
        hosts.terminate()


def measure(options, folder):
    """Returns the figures of each client in each round."""
    names = folder / "names"
    # Two or three labels exist in the zone of a fleet.
    names.write_text("".join(f"n{number:07}.example.test\n" for number in range(options.names)))
    with fleet(options, "--protocol", "dns", "--hosts", "1", "--port", "0", "--latency", "0ms,0") as server:
        found = clients(options, server, names, folder)
        rounds = []
        for _ in range(options.rounds):
            order = random.sample(found, len(found))
            figures = {client.name: run(client, options) for client in order}
            rounds.append([figures[client.name] for client in found])
    return [client.name for client in found], rounds


def table(names, rounds):
    """Prints the medians of each client."""
    print(f"{'client':18}{'names/s':>10}{'µs CPU/name':>13}{'MiB':>6}{'lost':>8}{'drops':>8}{'ratio':>8}{'CPU ratio':>11}")
    for at, name in enumerate(names):
        median = [statistics.median(column) for column in zip(*(figures[at] for figures in rounds))]
        ratio = statistics.median(figures[at].rate / figures[0].rate for figures in rounds)
        cpu = statistics.median(figures[at].cpu / figures[0].cpu for figures in rounds)
        rate, spent, memory, lost, drops = median
        print(f"{name:18}{rate:10.0f}{spent:13.2f}{memory:6.0f}{lost:8.0f}{drops:8.0f}{ratio:8.2f}{cpu:11.2f}")


def in_flight(options, folder):
    """Measures what a name costs with few and with many queries in flight, at a rate of 100,000 per second at most."""
    figures = {"1000": [], "100000": []}
    for _ in range(options.rounds):
        for window, latency in [("1000", "10ms,0"), ("100000", "1200ms,0")]:
            arguments = ["--protocol", "dns", "--hosts", "1", "--port", "0", "--latency", latency]
            with fleet(options, *arguments) as server:
                command = [options.allears, "dns", "-q", "--server", server, "--rate", "100k", "--timeout", "5s"]
                command += ["--window", window, "--host-window", "1000000", "-o", "simple", "--to", folder / "out"]
                _, _, cpu, memory = timed([*command, "-i", folder / "names"])
            figures[window].append((cpu / options.names * 1e6, memory))
    few, many = ([statistics.median(column) for column in zip(*rows)] for rows in figures.values())
    print(f"\n{'in flight':>10}{'µs CPU/name':>13}{'MiB':>6}")
    for window, (cpu, memory) in zip(figures, (few, many)):
        print(f"{window:>10}{cpu:13.2f}{memory:6.0f}")
    each = (many[1] - few[1]) * 2**20 / (100_000 - 1_000)
    print(f"each query in flight takes {each:.0f} bytes, its name included")


def host_names(options, folder):
    """Measures the time to probe host names beside the time to resolve them. The hosts and the name server share the cores."""
    resolv_conf, names = folder / "resolv.conf", folder / "hosts"
    resolv_conf.write_text("nameserver 127.1.0.1\n")
    subprocess.run(["mount", "--bind", resolv_conf, "/etc/resolv.conf"], check=True)
    subprocess.run("ip route add local 10.0.0.0/8 dev lo", shell=True, check=True)
    server = ["--protocol", "dns", "--hosts", "1", "--port", "53", "--latency", "0ms,0"]
    echo = ["--protocol", "echo", "--hosts", "4000000", "--base", "10.0.0.0", "--port", "7777", "--latency", "0ms,0"]
    common = ["-q", "--rate", "unlimited", "-i", names, "--to", folder / "out"]
    resolve = [options.allears, "dns", *common, "-t", "A,AAAA", "-o", "simple"]
    probe = [options.allears, "probe", *common, "--text", "hello", "--port", "7777", "--host-rate", "unlimited", "-o", "json"]
    rounds = []
    with fleet(options, *server, cores="0-1"), fleet(options, *echo, cores="0-1"):
        # Keep those whose address is that of a host.
        names.write_text("".join(f"h{number}.example.test\n" for number in range(430_000)))
        timed([options.allears, "dns", *common, "-o", "simple"], "0-1")
        lines = (line.split() for line in (folder / "out").open())
        exist = [name for name, _, address in lines if int(address.split(".")[1]) < 60][:100_000]
        names.write_text("\n".join(exist))
        for _ in range(options.rounds):
            rounds.append((timed(resolve, "0-1")[1], timed(probe, "0-1")[1]))
            answered = sum(1 for _ in (folder / "out").open())
            if answered != len(exist):
                sys.exit(f"{answered} of {len(exist)} hosts answered")
    resolving, probing = (statistics.median(column) for column in zip(*rounds))
    ratio = statistics.median(probing / resolving for resolving, probing in rounds)
    print(f"\n{len(exist)} names: resolved (A and AAAA) in {resolving:.2f} s, probed in {probing:.2f} s: {ratio:.2f} times")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--names", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--allears", type=Path, default=ROOT / "target/release/allears")
    parser.add_argument("--massdns", default="massdns")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        # /proc/net shows the namespace of the process that reads it.
        script = 'ip link set lo up && exec "$@"'
        os.execvp("unshare", ["unshare", "-nm", "sh", "-c", script, "sh", sys.executable, *sys.argv, "--inside"])
    with tempfile.TemporaryDirectory() as folder:
        table(*measure(options, Path(folder)))
        in_flight(options, Path(folder))
        host_names(options, Path(folder))


if __name__ == "__main__":
    main()
