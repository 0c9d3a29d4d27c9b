"""usage: bench_details.py FOLDER: the results of Google Benchmark in FOLDER as one small object."""

import glob
import json
import os
import sys


def main():
    details = {}
    for path in sorted(glob.glob(os.path.join(sys.argv[1], '*.json'))):
        with open(path, encoding='utf-8') as file:
            report = json.load(file)
        if report['context'].get('library_build_type') == 'debug':
            print('note: the benchmark library itself is a debug build', file=sys.stderr)
        cases = {}
        for case in report['benchmarks']:
            numbers = {'ns': round(case['cpu_time'] * {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}[case['time_unit']], 1)}
            if 'bytes_per_second' in case:
                numbers['mb_per_s'] = round(case['bytes_per_second'] / 1e6, 1)
            cases[case['name']] = numbers
        details[os.path.splitext(os.path.basename(path))[0]] = cases
    print(json.dumps(details))


main()
