"""Can adit-agent be copied to a node as one file?

Method: ask the loader what it would load.
"""

import os
import re
import subprocess

from support.processes import check

BACKENDS = 'once'
_ALLOWED = {'libc', 'libm', 'libgcc_s', 'libstdc++', 'linux-vdso', 'ld-linux-x86-64', 'ld-linux-aarch64'}


def test_the_agent_needs_the_c_and_cpp_libraries_at_most(t):
    """adit-agent needs libc, libm, libgcc and libstdc++ at most"""
    done = subprocess.run(['ldd', os.path.join(t.bin, 'adit-agent')], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=10, check=False)
    text = done.stdout.decode()
    check(done.returncode == 0, f'ldd failed: {text}')
    names = {re.match(r'(?:.*/)?(.+?)\.so', line.strip().split()[0])[1]
             for line in text.splitlines() if '.so' in line}
    check(names <= _ALLOWED, f'it also needs {sorted(names - _ALLOWED)}')


def test_programs_print_help_and_version(t):
    """Each program answers --help and --version at once"""
    for name in ('adit', 'adit-agent', 'adit-relay'):
        for flag in ('--help', '--version'):
            done = subprocess.run([os.path.join(t.bin, name), flag], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=10,
                                  env={'PATH': '/usr/bin:/bin'}, check=False)
            check(done.returncode == 0 and done.stdout.strip(),
                  f'{name} {flag} ended with {done.returncode}: {done.stdout[:200]!r}')
