"""Checks on what stands in the files."""

import configparser
import re
import shutil
import subprocess

import include_checks
import source_text

_LEFTOVER = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b|\bDISABLED_\w|\bGTEST_SKIP\b(?!\(\) << "needs )')
_MACHINE_PATH = re.compile(r'(?<![\w}])/(work|workspace|Users|root|mnt|home/(?!adit\b)[a-z]\w*)/')


def check_banned(tree):
    """No file uses a word that tools/tidy/banned.ini forbids in its folder."""
    rules = configparser.ConfigParser(interpolation=None)
    rules.read_string(tree.text('tools/tidy/banned.ini'))
    for path in tree.sources():
        code = None
        for name in rules.sections():
            rule = rules[name]
            if not include_checks.matches(path, rule['in'].split()):
                continue
            if include_checks.matches(path, rule.get('except', '').split()):
                continue
            code = code or source_text.code_only(tree.text(path)).split('\n')
            for number, line in enumerate(code, 1):
                match = re.search(rule['pattern'], line)
                if match:
                    yield path, number, f'{name}: "{match[0].strip()}" is not used here; {rule["instead"]}'


def check_conditionals(tree):
    """A platform difference is a file: no #if inside a function's body."""
    for path in tree.sources():
        if path.startswith('tests/'):
            continue
        for line in source_text.conditionals_in_bodies(tree.text(path)):
            yield path, line, '#if inside a function: make it a function or a file per platform'


def check_leftovers(tree):
    """Nothing unfinished is committed; no test is switched off, or skipped without saying what it needs."""
    for path in tree.files():
        if path.startswith(('tools/tidy/', 'tests/fuzz/corpus/')) or tree.is_binary(path):
            continue
        if not (tree.is_source(path) or tree.is_script(path)):
            continue
        for number, line in enumerate(tree.text(path).split('\n'), 1):
            match = _LEFTOVER.search(line)
            if match and not (match[0] == 'GTEST_SKIP' and path.startswith('tests/contract/')):
                yield path, number, f'"{match[0]}" is left over: finish it, or delete it with a reason'


def check_machine_paths(tree):
    """No file names a folder of one particular machine."""
    for path in tree.files():
        if path.startswith(('tools/tidy/', 'tests/fuzz/corpus/')) or tree.is_binary(path):
            continue
        for number, line in enumerate(tree.text(path).split('\n'), 1):
            match = _MACHINE_PATH.search(line)
            if match:
                yield path, number, f'"{match[0]}" is a path of one machine: derive it, or take it as an argument'


def check_format(tree):
    """clang-format has nothing to change."""
    sources = tree.sources()
    if not sources:
        return
    if not shutil.which('clang-format'):
        yield '.clang-format', 1, 'clang-format is missing: run tools/dependencies'
        return
    # Batches keep two processors busy and the command line short.
    batches = [sources[i::8] for i in range(8) if sources[i::8]]
    running = []
    results = []
    for batch in batches:
        if len(running) == tree.jobs:
            results.append(running.pop(0).communicate()[1])
        running.append(subprocess.Popen(
            ['clang-format', '--dry-run', '--ferror-limit=1', *batch],
            cwd=tree.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    results += [process.communicate()[1] for process in running]
    seen = set()
    for match in re.finditer(r'^(\S+?):(\d+):\d+: (?:warning|error): ', ''.join(results), re.MULTILINE):
        if match[1] not in seen:
            seen.add(match[1])
            yield match[1], int(match[2]), f'not formatted: run clang-format -i {match[1]}'
