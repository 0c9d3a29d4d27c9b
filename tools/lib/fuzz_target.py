#!/usr/bin/env python3
"""tools/lib/fuzz_target.py PROGRAM SECONDS: runs one fuzz target on its growing corpus, and says what it covers.

One JSON object is printed. `coverage` is libFuzzer's (edges, features) with the corpus as it was, and at the end;
`own` are the edges of the target's own sources that the corpus reaches: those whose headers the target includes.
The exit status is always 0; `exit` is that of the target.
"""

import glob
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
ARTIFACTS = os.path.join(ROOT, 'build', 'fuzz-artifacts')


def symbolizer():
    found = shutil.which('llvm-symbolizer') or ''.join(sorted(glob.glob('/usr/lib/llvm-*/bin/llvm-symbolizer'))[-1:])
    return {'ASAN_SYMBOLIZER_PATH': found} if found else {}


def own_sources(path, seen=None):
    """The sources that a target includes, as paths without an ending; through headers of tests/, too."""
    seen = set() if seen is None else seen
    own = set()
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        included = re.findall(r'^#include "([^"]+)\.h"', file.read(), re.MULTILINE)
    for name in included:
        if name in seen:
            continue
        seen.add(name)
        if name.startswith('tests/'):
            own |= own_sources(name + '.h', seen)
        elif not name.startswith(('engine/base/', 'engine/buffer/', 'engine/sim/', 'engine/loop/')):
            own.add(name)
    return own


def folders(name):
    corpus = os.path.join(ROOT, 'build', 'fuzz-corpus', name)
    committed = os.path.join(ROOT, 'tests', 'fuzz', 'corpus', name)
    for folder in (corpus, committed, ARTIFACTS):
        os.makedirs(folder, exist_ok=True)
    return [corpus, committed]


def last(pattern, text):
    found = re.findall(pattern, text)
    return found[-1] if found else None


def own_edges(program, name):
    """[covered, all] edges of the target's own sources, over the whole corpus."""
    own = own_sources(f'tests/fuzz/{name}_fuzz.cc')
    done = subprocess.run([program, '-runs=0', '-print_coverage=1', *folders(name)], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ | symbolizer())
    covered = total = 0
    seen = set()
    for line in done.stderr.decode(errors='replace').splitlines():
        got = re.match(r'(?:UN)?COVERED_FUNC: hits: \d+ edges: (\d+)/(\d+) (.*) (\S+?)(?::\d+)?$', line)
        if not got or (got[3], got[4]) in seen:
            continue
        seen.add((got[3], got[4]))
        # An object of the compiler's cache may name another tree. multiplexer_receive.cc is a part of multiplexer.h.
        path = os.path.splitext(os.path.normpath(got[4]))[0]
        if any(path.endswith('/' + each) or f'/{each}_' in path for each in own):
            covered += int(got[1])
            total += int(got[2])
    return [covered, total]


def main():
    program, seconds = sys.argv[1], sys.argv[2]
    name = os.path.basename(program).removesuffix('_fuzz')
    log = os.path.join(ARTIFACTS, f'{name}.log')
    paths = folders(name)
    start = time.monotonic()
    with open(log, 'wb') as file:
        # The time of one input is the wall's: a process that gets little of a busy machine is no hang.
        code = subprocess.run(
            [program, f'-max_total_time={seconds}', '-timeout=120', '-rss_limit_mb=2048', '-print_final_stats=1',
             f'-artifact_prefix={ARTIFACTS}/{name}-', *paths], stdout=file, stderr=file, check=False).returncode
    wall = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(log, encoding='utf-8', errors='replace') as file:
        text = file.read()
    coverage = re.findall(r'cov: (\d+) ft: (\d+)', text) or [('0', '0')]
    own = own_edges(program, name)
    print(json.dumps({
        'name': name, 'exit': code, 'runs': int(last(r'stat::number_of_executed_units: *(\d+)', text) or 0),
        'seconds': round(wall), 'cpu_seconds': round(used.ru_utime + used.ru_stime),
        'coverage': [[int(each) for each in coverage[at]] for at in (0, -1)], 'own': own,
        'corpus': len(os.listdir(paths[0]))}), flush=True)
    if code != 0:
        sys.stderr.write('\n'.join(text.splitlines()[-40:]) + '\n')


if __name__ == '__main__':
    main()
