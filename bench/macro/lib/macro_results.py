"""The records of bench/results/macro.jsonl."""

import json
import os

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'results', 'macro.jsonl')
_OF_A_WHOLE_RUN = {'bulk_up_1', 'ping_1', 'redis_p16', 'shell_login'}


def records_of(run=None):
    """(its name, its records): a run, by default the last whole one without emulated links."""
    with open(PATH, encoding='utf-8') as file:
        records = [line for line in map(json.loads, file) if 'test' in line]
    tests = {}
    for record in records:
        if not record.get('wan'):
            tests.setdefault(record['run'], set()).add(record['test'])
    run = run or [name for name, found in tests.items() if found >= _OF_A_WHOLE_RUN][-1]
    return run, [record for record in records if record['run'] == run]
