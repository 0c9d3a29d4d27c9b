"""The include block of every file follows layers.txt."""

import fnmatch
import os

import source_text

_SYSTEM_FOLDERS = ('sys/', 'netinet/', 'arpa/', 'linux/', 'net/')
_SYSTEM_HEADERS = {
    'unistd.h', 'fcntl.h', 'poll.h', 'netdb.h', 'pwd.h', 'grp.h', 'signal.h', 'termios.h', 'pty.h',
    'pthread.h', 'dirent.h', 'csignal', 'thread', 'fstream', 'filesystem', 'iostream',
}


class Layers:
    """layers.txt, parsed. Bad lines raise ValueError with their number."""

    def __init__(self, text):
        self.allowed = {}
        self.foreign = {}
        self.pure = []
        for number, line in enumerate(text.split('\n'), 1):
            words = line.split('#')[0].split()
            if not words:
                continue
            if words[0] == 'layer' and len(words) >= 2:
                self.allowed[words[1]] = words[2:]
            elif words[0] == 'foreign' and len(words) >= 3:
                self.foreign[words[1]] = words[2:]
            elif words[0] == 'pure':
                self.pure += words[1:]
            else:
                raise ValueError(f'layers.txt:{number}: not a rule: {line.strip()}')

    def layer_of(self, path):
        """The longest layer folder above `path`, or None."""
        folders = [f for f in self.allowed if path.startswith(f + '/')]
        return max(folders, key=len, default=None)

    def may_include(self, layer, other):
        return layer == other or other in self.allowed[layer] or '*' in self.allowed[layer]

    def foreign_rule(self, header):
        """The folders that may include `header`, or None when it is not a foreign one."""
        for pattern, folders in self.foreign.items():
            if header == pattern or (pattern[-1] in '/*' and header.startswith(pattern.rstrip('*'))):
                return folders
        return None


def _inside(path, folders):
    return any(folder == '*' or path.startswith(folder + '/') for folder in folders)


def check_layers(tree):
    """Each include is allowed by layers.txt, is written from the root, and the own header is first."""
    layers = Layers(tree.text('tools/tidy/layers.txt'))
    for path in tree.sources():
        layer = layers.layer_of(path)
        if layer is None:
            yield path, 1, 'is in no folder of tools/tidy/layers.txt: add the folder there, or move the file'
            continue
        own = os.path.splitext(path)[0] + '.h'
        own = own if path.endswith('.cc') and tree.has(own) else None
        for index, (line, quote, name) in enumerate(source_text.includes(tree.text(path))):
            if index == 0 and own and name != own:
                yield path, line, f'the first include has to be its own header, "{own}"'
            rule = layers.foreign_rule(name)
            if rule is not None:
                if not _inside(path, rule):
                    yield path, line, f'{name} may be included only in: {" ".join(rule)}'
                continue
            if quote == '<':
                system = name in _SYSTEM_HEADERS or name.startswith(_SYSTEM_FOLDERS)
                if system and _inside(path, layers.pure):
                    yield path, line, f'{layer} does no input or output: <{name}> does not belong here'
                continue
            if not tree.has(name):
                yield path, line, f'"{name}" is not a file: includes are written from the repository root'
                continue
            other = layers.layer_of(name)
            if other is None or not layers.may_include(layer, other):
                yield path, line, f'{layer} may not include {name} (tools/tidy/layers.txt)'


def check_guards(tree):
    """Every header may be included twice."""
    for path in tree.sources():
        if path.endswith('.h') and '#pragma once' not in tree.text(path):
            yield path, 1, 'has no #pragma once'


def matches(path, patterns):
    """True when `path` is below one of the folders ("engine/") or matches one of the patterns."""
    return any(path.startswith(p) if p.endswith('/') else fnmatch.fnmatch(path, p) for p in patterns)
