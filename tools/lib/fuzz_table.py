#!/usr/bin/env python3
"""tools/lib/fuzz_table.py RESULTS TABLE: adds the results of fuzz targets (a JSON object a line) to the table of them.

A target that was not run keeps its line.
"""

import datetime
import json
import sys

_HEAD = """# What the fuzzers reach

Written by `tools/test --long fuzz`; a line is a target's last run. CPU seconds beside the wall's: other work ran on the
machine, too. Edges and features (libFuzzer's) are of the whole program, before and after; of the target's own
sources (whose headers it includes) are the edges that its corpus reaches by now.

| target | run on | wall s | CPU s | runs | edges | features | own sources |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def line_of(result):
    (edges, features), (edges_now, features_now) = result['coverage']
    covered, total = result['own']
    share = f'{covered} of {total} ({100 * covered // total} %)' if total else 'none of its own'
    day = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d')
    found = '' if result['exit'] == 0 else ', **found something**'
    return (f'| {result["name"]} | {day} | {result["seconds"]} | {result["cpu_seconds"]} | {result["runs"]:,}{found} '
            f'| {edges} to {edges_now} | {features} to {features_now} | {share} |')


def main():
    results, table = sys.argv[1:]
    lines = {}
    try:
        with open(table, encoding='utf-8') as file:
            lines = {line.split('|')[1].strip(): line.rstrip('\n') for line in file
                     if line.startswith('| ') and not line.startswith(('| target', '| ---'))}
    except FileNotFoundError:
        pass
    with open(results, encoding='utf-8') as file:
        for result in map(json.loads, file):
            lines[result['name']] = line_of(result)
    with open(table, 'w', encoding='utf-8') as file:
        file.write(_HEAD + ''.join(lines[name] + '\n' for name in sorted(lines)))


main()
