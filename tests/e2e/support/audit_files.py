"""Reads a relay's audit files by PROTOCOL.md alone, so that it is not our reader that is believed."""

import hashlib
import json
import os
import re

from support.processes import Failure, check, check_equal

_RECORD = re.compile(rb'\{"sequence":([1-9][0-9]*),"previous":"([0-9a-f]{64})","hash":"([0-9a-f]{64})","record":(\{.*\})\}')
_DIGEST = re.compile(rb'\{"digest":(\{.*\}),"signature":"([0-9a-f]{128})"\}')
_NAME = re.compile(r'adit-audit-[0-9]{8}-([0-9]{20})\.jsonl')


def directory(stack):
    return os.path.join(stack.relay_state, 'audit')


def names(folder):
    found = [(int(match[1]), name) for name in os.listdir(folder) if (match := _NAME.fullmatch(name))]
    return [name for _, name in sorted(found)]


def lines(folder):
    for name in names(folder):
        with open(os.path.join(folder, name), 'rb') as file:
            data = file.read()
        check(not data or data.endswith(b'\n'), f'{name} ends within a line')
        yield from data.split(b'\n')[:-1]


def read(folder):
    """The records, in order, after the chain was checked; signatures are left to `adit audit verify`."""
    records = []
    previous, signed, digest_hash = '0' * 64, 0, '0' * 64
    for line in lines(folder):
        if match := _RECORD.fullmatch(line):
            number, before, digest, text = match[1].decode(), match[2].decode(), match[3].decode(), match[4]
            check_equal(int(number), len(records) + 1, 'sequence')
            check_equal(before, previous, f'previous of record {number}')
            form = f'adit-audit-record-1\n{number}\n{before}\n'.encode() + text
            check_equal(hashlib.sha256(form).hexdigest(), digest, f'hash of record {number}')
            previous = digest
            records.append(json.loads(text))
        elif match := _DIGEST.fullmatch(line):
            digest = json.loads(match[1])
            check_equal((digest['first'], digest['last'], digest['hash'], digest['previous']),
                        (signed + 1, len(records), previous, digest_hash), 'digest')
            signed, digest_hash = digest['last'], hashlib.sha256(match[1]).hexdigest()
        else:
            raise Failure(f'neither record nor digest: {line[:200]!r}')
    return records


def ids(folder):
    return {record['eventID'] for record in read(folder)}
