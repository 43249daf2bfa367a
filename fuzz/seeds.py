#!/usr/bin/env python3
"""Writes the seeds of the corpora, from the test data: one file for each captured reply."""

import pathlib

FUZZ = pathlib.Path(__file__).parent
DATA = {"dns_message": "dns-replies.hex", "snmp_message": "snmpd-v1-v2c-v3.hex"}

for target, file in DATA.items():
    corpus = FUZZ / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    lines = (FUZZ.parent / "tests" / "data" / file).read_text().splitlines()
    replies = [line[2:] for line in lines if line.startswith("< ")]
    for number, reply in enumerate(replies):
        (corpus / f"seed-{number:03}").write_bytes(bytes.fromhex(reply))
