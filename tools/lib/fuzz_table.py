#!/usr/bin/env python3
"""tools/lib/fuzz_table.py RESULTS LINES TABLE: adds to the table of fuzz targets what was printed.

RESULTS is what fuzz_target.py printed, LINES what fuzz_coverage.py did. What neither names stays as it is.
"""

import datetime
import json
import sys

_HEAD = """# What the fuzzers reach

Written by `tools/test --long fuzz`. The seconds are those of CPU that the target's last run had, and the wall's. Edges
and features (libFuzzer's) are of the whole program, with the corpus before and after. The last column is what the corpus
reaches by now of what the target is for (COVERS in its `.cmake`): lines, by clang's coverage.

| target | run on | CPU s | wall s | runs | edges | features | own sources |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
_CELLS = _HEAD.splitlines()[-1].count('---')


def run_cells(result):
    (edges, features), (edges_now, features_now) = result['coverage']
    day = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d')
    found = '' if result['exit'] == 0 else ', **found something**'
    return [day, str(result['cpu_seconds']), str(result['seconds']), f'{result["runs"]:,}{found}',
            f'{edges} to {edges_now}', f'{features} to {features_now}']


def lines_cell(result):
    if not result['lines']:
        return 'not counted'
    covered, total = result['lines']
    return f'{covered} of {total} ({100 * covered // total} %)'


def objects_of(path):
    with open(path, encoding='utf-8') as file:
        return list(map(json.loads, file))


def rows_of(path):
    try:
        with open(path, encoding='utf-8') as file:
            cells = [[cell.strip() for cell in line.strip().strip('|').split('|')]
                     for line in file if line.startswith('| ')]
    except FileNotFoundError:
        return {}
    return {row[0]: row for row in cells if row[0] not in ('target', '---') and len(row) == _CELLS}


def main():
    results, lines, table = sys.argv[1:]
    rows = rows_of(table)

    def row(name):
        return rows.setdefault(name, [name] + ['not yet'] + [''] * (_CELLS - 3) + ['not counted'])
    for result in objects_of(results):
        row(result['name'])[1:-1] = run_cells(result)
    for result in objects_of(lines):
        row(result['name'])[-1] = lines_cell(result)
    with open(table, 'w', encoding='utf-8') as file:
        file.write(_HEAD + ''.join(f'| {" | ".join(rows[name])} |\n' for name in sorted(rows)))


if __name__ == '__main__':
    main()
