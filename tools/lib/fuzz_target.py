#!/usr/bin/env python3
"""tools/lib/fuzz_target.py PROGRAM SECONDS: runs one fuzz target on its growing corpus for so many CPU seconds.

One JSON object is printed. The seconds are the target's own, whatever else runs on the machine. `coverage` is
libFuzzer's (edges, features) with the corpus as it was, and at the end. The exit status is always 0; `exit` is that of
the target.
"""

import glob
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
ARTIFACTS = os.path.join(ROOT, 'build', 'fuzz-artifacts')

TIMEOUT_EXIT = 70       # libFuzzer's, when one input took longer than -timeout=.
TIMEOUT_SECONDS = 120   # By the wall's clock: all that libFuzzer has.
INPUT_CPU_SECONDS = 20  # What an input may really take.


def folders(name):
    corpus = os.path.join(ROOT, 'build', 'fuzz-corpus', name)
    committed = os.path.join(ROOT, 'tests', 'fuzz', 'corpus', name)
    for folder in (corpus, committed, ARTIFACTS):
        os.makedirs(folder, exist_ok=True)
    return [corpus, committed]


def cpu_seconds_of(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            fields = file.read().rpartition(')')[2].split()
    except FileNotFoundError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def cpu_seconds_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def symbolizer():
    return {'ASAN_SYMBOLIZER_PATH': subprocess.run(['clang', '-print-prog-name=llvm-symbolizer'], check=True,
                                                   capture_output=True, text=True).stdout.strip()}


def run(command, log, seconds):
    """Runs until so many CPU seconds are used, and asks it to end then. Returns its exit status."""
    with open(log, 'ab') as file, subprocess.Popen(command, stdout=file, stderr=file,
                                                   env=os.environ | symbolizer()) as process:
        while True:
            try:
                return process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                if cpu_seconds_of(process.pid) >= seconds:
                    process.send_signal(signal.SIGUSR1)


def is_slow(program, path):
    """Whether an input takes long by itself: a process that gets little of a busy machine is no hang."""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (INPUT_CPU_SECONDS, INPUT_CPU_SECONDS))
    return subprocess.run([program, '-timeout=1000000', path], preexec_fn=limit, check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0


def fuzz(program, name, log, seconds):
    prefix = os.path.join(ARTIFACTS, name + '-')
    command = [program, f'-timeout={TIMEOUT_SECONDS}', '-rss_limit_mb=2048', '-print_final_stats=1',
               f'-artifact_prefix={prefix}', *folders(name)]
    while True:
        known = set(glob.glob(prefix + 'timeout-*'))
        code = run(command, log, seconds - cpu_seconds_of_children())
        stopped = set(glob.glob(prefix + 'timeout-*')) - known
        if code != TIMEOUT_EXIT or not stopped or any(is_slow(program, path) for path in stopped):
            return code
        for path in stopped:
            os.remove(path)


def main():
    program, seconds = sys.argv[1], float(sys.argv[2])
    name = os.path.basename(program).removesuffix('_fuzz')
    log = os.path.join(ARTIFACTS, f'{name}.log')
    folders(name)
    with open(log, 'wb'):
        pass  # Of the last run.
    start = time.monotonic()
    code = fuzz(program, name, log, seconds)
    wall = time.monotonic() - start
    with open(log, encoding='utf-8', errors='replace') as file:
        text = file.read()
    coverage = re.findall(r'cov: (\d+) ft: (\d+)', text) or [('0', '0')]
    print(json.dumps({
        'name': name, 'exit': code,
        'runs': sum(map(int, re.findall(r'stat::number_of_executed_units: *(\d+)', text))),
        'seconds': round(wall), 'cpu_seconds': round(cpu_seconds_of_children()),
        'coverage': [[int(each) for each in coverage[at]] for at in (0, -1)],
        'corpus': len(os.listdir(folders(name)[0]))}), flush=True)
    if code != 0:
        sys.stderr.write('\n'.join(text.splitlines()[-40:]) + '\n')


if __name__ == '__main__':
    main()
