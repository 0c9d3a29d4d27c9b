"""Checks on which files there are."""

import fnmatch
import json
import os
import re

import source_text

_LINES_MAX = 600
_LINES_LARGE = 350
_README_LINES_MAX = 30
_WRITTEN_BY_TOOL = re.compile(r'<!-- (\w+): begin -->.*?<!-- \1: end -->', re.DOTALL)
_README_EXEMPT = ('tests/unit/', 'tests/fuzz/corpus', 'bench/results', 'tools/cmake')
# Every program has its main, as every folder has its CMakeLists.txt.
_NAMES_SHARED = {'main'}
_REACHED_ROOTS = ('engine/', 'relay/', 'agent/', 'client/', 'tests/', 'bench/', 'tools/')


# Tables of which attack, and which broken rule, has which test.
_TABLES = ('tests/attacks.md', 'tests/rules.md')
# Traps of AWS's protocol, which are numbered, in the same form.
_TRAPS = 'tests/traps.md'
_TRAPS_COUNT = 34
# Bugs to be planted: a list PLANTED of (name, file, what stands there, what is planted).
_PLANTED = 'tools/mutations/planted.py'


def check_size(tree):
    """No source file is longer than 600 lines."""
    for path in tree.sources():
        count = tree.text(path).count('\n')
        if count > _LINES_MAX:
            yield path, count, f'{count} lines, more than {_LINES_MAX}: it holds more than one concept, split it'


def largest_files(tree):
    """The ten largest sources above 350 lines, as (lines, path)."""
    counted = sorted(((tree.text(p).count('\n'), p) for p in tree.sources()), reverse=True)
    return [(count, path) for count, path in counted if count > _LINES_LARGE][:10]


def check_unique_names(tree):
    """A source file's name says which file it is: x.h and x.cc stand in one folder only."""
    seen = {}
    for path in tree.sources():
        folder, name = os.path.split(path)
        stem, _ = os.path.splitext(name)
        if stem in _NAMES_SHARED:
            continue
        first = seen.setdefault(stem, path)
        if os.path.dirname(first) != folder:
            yield path, 1, f'has the same name as {first}: rename one of them'


def _cmake_words(tree):
    """For each CMake file, its folder and the words in it that are not comments."""
    for path in tree.files():
        if os.path.basename(path) == 'CMakeLists.txt' or path.endswith('.cmake'):
            text = re.sub(r'#[^\n]*', '', tree.text(path))
            yield os.path.dirname(path), set(re.findall(r'[^\s"();]+', text))


def _named_by(folder, words, path):
    relative = os.path.relpath(path, folder or '.')
    plain = relative[3:] if relative.startswith('../') else relative
    for word in words:
        word = re.sub(r'\$\{[A-Z_a-z]*(SOURCE|LIST)_DIR\}/', '', word)
        if word in (relative, path, plain) or (word.endswith('/' + relative)):
            return True
        if '*' in word and fnmatch.fnmatch(relative, word):
            return True
    return False


def check_dead_files(tree):
    """Every source is built, every header is included, every CMakeLists.txt is reached."""
    lists = list(_cmake_words(tree))
    included = set()
    for path in tree.sources():
        included.update(name for _, _, name in source_text.includes(tree.text(path)) if
                        os.path.splitext(name)[0] != os.path.splitext(path)[0] or path.endswith('.h'))
    built = tree.compiled_files()
    for path in tree.sources():
        if not path.startswith(_REACHED_ROOTS):
            continue
        near = [(folder, words) for folder, words in lists if path.startswith(folder + '/') or not folder]
        if path.endswith('.h'):
            # One may be given to the compiler instead of being included.
            if path not in included and not any(_named_by(folder, words, path) for folder, words in near):
                yield path, 1, 'no other file includes this header: delete it, or use it'
            continue
        if built is not None:
            if path not in built and path not in included:
                yield path, 1, 'is compiled by no target of the configured build'
            continue
        if path not in included and not any(_named_by(folder, words, path) for folder, words in near):
            yield path, 1, 'no CMakeLists.txt or .cmake file names it: build it, or delete it'


def check_readmes(tree):
    """Every folder says in at most 30 lines what it is; tables that a tool wrote are not counted."""
    folders = set()
    for path in tree.files():
        folder = os.path.dirname(path)
        if (tree.is_source(path) or tree.is_script(path)) and folder and not folder.startswith('.'):
            folders.add(folder)
    for folder in sorted(folders):
        if (folder + '/').startswith(_README_EXEMPT):
            continue
        readme = folder + '/README.md'
        if not tree.has(readme):
            yield readme, 1, 'is missing: say what the folder is, what it may depend on, where to start reading'
        elif _WRITTEN_BY_TOOL.sub('', tree.text(readme)).count('\n') > _README_LINES_MAX:
            yield readme, _README_LINES_MAX + 1, f'is longer than {_README_LINES_MAX} lines'


def _named_tests(tree, document):
    """For each test that a document names: (line's number, line, its name, the text of its file or None)."""
    tests = {path: tree.text(path) for path in tree.files()
             if path.startswith('tests/') and path.endswith(('_test.py', '_test.cc'))}
    for number, line in enumerate(tree.text(document).split('\n'), 1):
        for suite, name in re.findall(r'`(\w+)\.(\w+)`', line):
            if suite == 'tidy':
                continue
            wanted = rf'^def {name}\(' if suite.endswith('_test') else rf'\b{suite},\s+{name}\)'
            among = {p: t for p, t in tests.items() if os.path.basename(p) == suite + '.py'} or tests
            found = [text for text in among.values() if re.search(wanted, text, re.MULTILINE)]
            yield number, line, f'{suite}.{name}', found[0] if found else None


def check_attacks(tree):
    """Every test that tests/attacks.md and tests/rules.md name is there."""
    for table in filter(tree.has, _TABLES):
        for number, _, name, text in _named_tests(tree, table):
            if text is None:
                yield table, number, f'there is no test {name}'


def check_traps(tree):
    """Every trap has tests in tests/traps.md, which are there and name it."""
    if not tree.has(_TRAPS):
        return
    seen = set()
    for number, line, name, text in _named_tests(tree, _TRAPS):
        trap = re.match(r'\| (P\d+) \|', line)
        if trap is None:
            continue
        if text is None:
            yield _TRAPS, number, f'there is no test {name}'
        elif not re.search(rf'\b{trap[1]}\b', text):
            yield _TRAPS, number, f'the file of {name} does not name {trap[1]}'
        seen.add(trap[1])
    for missing in (f'P{n}' for n in range(1, _TRAPS_COUNT + 1)):
        if missing not in seen:
            yield _TRAPS, 1, f'{missing} has no test'


def check_planted(tree):
    """What a mutation replaces stands in its file, once."""
    if not tree.has(_PLANTED):
        return
    names = {}
    exec(tree.text(_PLANTED), names)  # pylint: disable=exec-used; the tree's own file.
    for name, path, before, _ in names['PLANTED']:
        count = tree.text(path).count(before) if tree.has(path) else 0
        if count != 1:
            yield _PLANTED, 1, f'"{name}": what it replaces stands {count} times in {path}'


def compiled_files(root, database):
    """The paths below `root` that a compile_commands.json compiles."""
    with open(database, encoding='utf-8') as file:
        entries = json.load(file)
    return {os.path.relpath(os.path.join(e['directory'], e['file']), root) for e in entries}
