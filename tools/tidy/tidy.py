#!/usr/bin/env python3
"""tidy: the rules of HACKING.md that a machine can check.

usage: tidy.py [--root DIR] [--build DIR] [--only CHECK[,CHECK...]] [--advise CHECK[,...]] [--list]

Prints "file:line: check: message" for each violation and ends with 1 when there is one. --build
names a configured build folder, whose compile_commands.json then decides which sources are dead.
"""

import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import include_checks  # noqa: E402
import text_checks  # noqa: E402
import tree_checks  # noqa: E402

CHECKS = {
    'layers': include_checks.check_layers,
    'guards': include_checks.check_guards,
    'size': tree_checks.check_size,
    'names': tree_checks.check_unique_names,
    'dead': tree_checks.check_dead_files,
    'readme': tree_checks.check_readmes,
    'attacks': tree_checks.check_attacks,
    'traps': tree_checks.check_traps,
    'planted': tree_checks.check_planted,
    'banned': text_checks.check_banned,
    'conditionals': text_checks.check_conditionals,
    'leftovers': text_checks.check_leftovers,
    'paths': text_checks.check_machine_paths,
    'format': text_checks.check_format,
}


class Tree:
    """The files that git knows or would add, read once each."""

    def __init__(self, root, build=None):
        self.root = os.path.abspath(root)
        self.jobs = os.cpu_count() or 2
        self._build = build
        listing = subprocess.run(
            ['git', '-C', self.root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
            check=True, stdout=subprocess.PIPE).stdout
        names = sorted(set(filter(None, listing.decode().split('\0'))))
        self._files = [n for n in names if os.path.isfile(os.path.join(self.root, n))]
        self._known = set(self._files)
        self._texts = {}

    def files(self):
        return self._files

    def sources(self):
        return [path for path in self._files if self.is_source(path)]

    def has(self, path):
        return path in self._known

    def is_source(self, path):
        return path.endswith(('.h', '.cc', '.c'))

    def is_script(self, path):
        return path.endswith(('.py', '.sh', '.cmake', 'CMakeLists.txt')) or self.text(path).startswith('#!')

    def is_binary(self, path):
        return '\0' in self.text(path)

    def text(self, path):
        if path not in self._texts:
            with open(os.path.join(self.root, path), encoding='utf-8', errors='replace', newline='') as file:
                self._texts[path] = file.read()
        return self._texts[path]

    def compiled_files(self):
        """What the build compiles, or None when no configured build was named."""
        database = os.path.join(self._build, 'compile_commands.json') if self._build else ''
        return tree_checks.compiled_files(self.root, database) if os.path.isfile(database) else None


def run(tree, names):
    """Runs the named checks and yields one printable line per violation."""
    for name in names:
        for path, line, message in CHECKS[name](tree):
            yield f'{path}:{line}: {name}: {message}'


def main():
    parser = argparse.ArgumentParser(description='checks the rules of HACKING.md')
    parser.add_argument('--root', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
    parser.add_argument('--build')
    parser.add_argument('--only', default=','.join(CHECKS))
    parser.add_argument('--advise', default='', help='checks that only print')
    parser.add_argument('--list', action='store_true')
    options = parser.parse_args()
    if options.list:
        for name, check in CHECKS.items():
            print(f'{name:14}{check.__doc__}')
        return 0
    names = options.only.split(',')
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        parser.error(f'no such check: {", ".join(unknown)} (--list names them)')
    start = time.monotonic()
    tree = Tree(options.root, options.build)
    advice = [name for name in names if name in options.advise.split(',')]
    for line in run(tree, advice):
        print(f'advice: {line}')
    violations = list(run(tree, [name for name in names if name not in advice]))
    for line in violations:
        print(line)
    for count, path in tree_checks.largest_files(tree):
        print(f'note: {path} has {count} lines')
    print(f'tidy: {len(tree.sources())} sources, {len(names)} checks, {len(violations)} violations, '
          f'{time.monotonic() - start:.1f} s')
    return 1 if violations else 0


if __name__ == '__main__':
    sys.exit(main())
