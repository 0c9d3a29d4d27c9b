#!/usr/bin/env python3
"""tools/lib/fuzz_coverage.py NAME...: the lines that each target's corpus reaches of what the target is for.

That is said by COVERS in its NAME.cmake. Prints a JSON object a target: `lines` is [covered, all], `files` the same of
each source. The profiles stay in build/fuzz-coverage, for llvm-cov show.
"""

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TARGETS = os.path.join(ROOT, 'build', 'fuzz', 'tests', 'fuzz')
PROFILES = os.path.join(ROOT, 'build', 'fuzz-coverage')


def tool(name):
    """The path of a tool of the same LLVM as the compiler: Debian has it on no PATH."""
    return subprocess.run(['clang', f'-print-prog-name={name}'], check=True, capture_output=True,
                          text=True).stdout.strip()


def replay(program, name):
    """Runs the committed corpus and the grown one. Returns the profile; None: an input ends the program."""
    raw, profile = (os.path.join(PROFILES, name + ending) for ending in ('.profraw', '.profdata'))
    folders = [os.path.join(ROOT, parent, name) for parent in ('tests/fuzz/corpus', 'build/fuzz-corpus')]
    done = subprocess.run([program, '-runs=0', '-detect_leaks=0', *filter(os.path.isdir, folders)], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          env=os.environ | {'LLVM_PROFILE_FILE': raw})
    if done.returncode != 0:
        sys.stderr.write(f'{name} ended with {done.returncode}\n{done.stderr.decode(errors="replace")[-2000:]}\n')
        return None
    subprocess.run([tool('llvm-profdata'), 'merge', '-sparse', '-o', profile, raw], check=True)
    os.remove(raw)
    return profile


def lines_of(program, profile, sources):
    """[covered, all] lines of each source."""
    report = json.loads(subprocess.run(
        [tool('llvm-cov'), 'export', '-summary-only', f'-instr-profile={profile}', program], check=True,
        capture_output=True).stdout)
    files = {}
    for file in report['data'][0]['files']:
        # An object of the compiler's cache may name another tree.
        path = os.path.normpath(file['filename'])
        for source in sources:
            if path == source or path.endswith('/' + source):
                files[source] = [file['summary']['lines']['covered'], file['summary']['lines']['count']]
    return files


def main():
    os.makedirs(PROFILES, exist_ok=True)
    for name in sys.argv[1:]:
        with open(os.path.join(TARGETS, 'covers', name + '.txt'), encoding='utf-8') as file:
            sources = file.read().split()
        program = os.path.join(TARGETS, name + '_fuzz')
        profile = replay(program, name)
        files = lines_of(program, profile, sources) if profile else {}
        print(json.dumps({'name': name, 'lines': [sum(column) for column in zip(*files.values())], 'files': files}),
              flush=True)


if __name__ == '__main__':
    main()
