"""Looks at C++ text the way a compiler's first phases do, as far as tidy needs it."""

import re

_TOKEN = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<delimiter>[^()\\ \n]{0,16})\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)
_SCOPE = re.compile(r'\b(namespace|class|struct|union|enum)\b|extern\s*$')


def _blank(text):
    return re.sub(r'[^\n]', ' ', text)


def without_comments(text):
    """The text with comments replaced by blanks; line numbers and strings stay."""
    return _TOKEN.sub(lambda m: _blank(m[0]) if m[0].startswith('/') else m[0], text)


def code_only(text):
    """The text with comments and the contents of literals replaced by blanks; line numbers stay."""
    def replace(match):
        token = match[0]
        if token.startswith('/'):
            return _blank(token)
        return token[0] + _blank(token[1:-1]) + token[-1]
    return _TOKEN.sub(replace, text)


def line_of(text, position):
    return text.count('\n', 0, position) + 1


def includes(text):
    """Yields (line, '"' or '<', name) for each #include that is not in a comment."""
    plain = without_comments(text)
    for match in _INCLUDE.finditer(plain):
        yield line_of(plain, match.start()), match[1], match[2]


def conditionals_in_bodies(text):
    """Yields the lines of #if, #ifdef and #ifndef that stand inside a function's body."""
    # Each open brace is a scope (namespace, class, ...) or something else, by the words before it.
    open_braces = []
    before = ''
    for number, line in enumerate(code_only(text).split('\n'), 1):
        if line.lstrip().startswith('#'):
            # Objects check their own invariants in test builds; that is no difference of platforms.
            if re.match(r'\s*#\s*if(?!.*\bENGINE_VERIFY\b)', line) and not all(open_braces):
                yield number
            continue
        for character in line:
            if character == '{':
                open_braces.append(bool(_SCOPE.search(before)) and not before.rstrip().endswith(')'))
                before = ''
            elif character == '}':
                if open_braces:
                    open_braces.pop()
                before = ''
            elif character == ';':
                before = ''
            else:
                before += character
        before += ' '
