"""Is `adit shell` a terminal that one can work in?

Method: type into it through a PTY and through tmux; compare bytes, screens and terminal modes.
"""

import hashlib
import os
import re
import subprocess

from support.processes import check, check_equal, wait_until
from support.terminal import Terminal
from support.tmux import Tmux

_PROMPT = rb'[$#%>] $'


def _shell(stack, columns=80, rows=24, env=None):
    terminal = Terminal([stack.program('adit'), 'shell', stack.NODE], stack.environment() | (env or {}),
                        columns, rows)
    try:
        terminal.read_until(_PROMPT, 20)
    except BaseException:
        terminal.close()
        raise
    return terminal


def _file(stack, name):
    """A path that the user of the session can write."""
    return os.path.join(stack.shared, f'{name}-{os.getpid()}')


def test_prompt_user_and_environment(t):
    """A login shell of the run-as user with a prompt, TERM, a terminal, and a small environment"""
    with _shell(t.stack) as terminal:
        check(terminal.run('echo $0').strip().startswith('-'), 'it is not a login shell')
        check_equal(terminal.run('echo $TERM').strip(), 'xterm-256color', 'TERM')
        check(terminal.run('tty').startswith('/dev/pts/'), 'it has no terminal')
        if os.geteuid() == 0:
            check_equal(terminal.run('id -un').strip(), 'adit', 'user')
            check_equal(terminal.run('pwd; echo $HOME').split()[:1], terminal.run('echo $HOME').split(),
                        'the working folder')
        inherited = terminal.run('env | grep -cE "^(ADIT_IO|ADIT_CONFIG_DIR|ADIT_STEPS|TMPDIR)="').strip()
        check_equal(inherited, '0', 'variables of the agent that reach the shell')


def test_colours_pass(t):
    """Escape sequences pass both ways"""
    with _shell(t.stack) as terminal:
        terminal.run(r"printf '\033[31;1mred\033[0m\n'")
        check(b'\x1b[31;1mred\x1b[0m' in bytes(terminal.all), 'the colour did not arrive')
        terminal.send(b'cat -v\r')
        terminal.drain(0.3)
        terminal.send(b'\x1b[A\x1bOP\r')
        terminal.read_until(rb'\^\[\[A\^\[OP\n')
        terminal.send(b'\x03')


def test_resize(t):
    """The size is right from the first byte and follows 80x24 to 132x50"""
    with _shell(t.stack) as terminal:
        check_equal(terminal.run('stty size').strip(), '24 80', 'size at the start')
        terminal.resize(132, 50)
        wait_until(lambda: terminal.run('stty size').strip() == '50 132', 5, 'the new size arrives')
    with _shell(t.stack, 101, 33) as terminal:
        check_equal(terminal.run('stty size').strip(), '33 101', 'size at the start')


def test_interrupt_suspend_and_end(t):
    """Ctrl-C interrupts, Ctrl-Z suspends and fg resumes, Ctrl-D ends with the shell's status"""
    with _shell(t.stack) as terminal:
        terminal.send(b'sleep 100\r')
        terminal.drain(0.3)
        terminal.send(b'\x03')
        terminal.read_until(_PROMPT)
        check_equal(terminal.run('echo $?').strip(), '130', 'status after Ctrl-C')
        terminal.send(b'cat\r')
        terminal.drain(0.3)
        terminal.send(b'\x1a')
        terminal.read_until(rb'Stopped')
        terminal.read_until(_PROMPT)
        terminal.send(b'fg\r')
        terminal.drain(0.3)
        terminal.send(b'still here\r')
        terminal.read_until(rb'still here\n\s*still here')
        terminal.send(b'\x03')
        terminal.read_until(_PROMPT)
        terminal.run('(exit 5)')
        terminal.send(b'(exit 5)\r')
        terminal.drain(0.3)
        terminal.send(b'\x04')
        check_equal(terminal.wait_ended(), 5, 'status after Ctrl-D')
        check_equal(terminal.modes(), terminal.modes_before, 'terminal modes')


def test_paste(t):
    """One megabyte pasted into `cat > file` has the same hash"""
    # As a terminal pastes: lines end with a carriage return.
    line = b'0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefghijklmnopqrstuvwxyz\r'
    text = line * (1_000_000 // len(line))
    path = _file(t.stack, 'paste')
    with _shell(t.stack) as terminal:
        terminal.send(f'cat > {path}\r'.encode())
        terminal.drain(0.2)
        terminal.send(text, 120)
        terminal.send(b'\x04')
        terminal.read_until(_PROMPT, 60)
        got = terminal.run(f'sha256sum {path}; rm {path}', 20).split()[0]
    check_equal(got, hashlib.sha256(text.replace(b'\r', b'\n')).hexdigest(), 'hash')


test_paste.limit = 120


def test_utf8(t):
    """`é漢🙂` arrives intact both ways, byte by byte, too"""
    word = 'é漢🙂'
    path = _file(t.stack, 'utf8')
    with _shell(t.stack) as terminal:
        terminal.send(f'cat > {path}\r'.encode())
        terminal.drain(0.2)
        for byte in word.encode():
            terminal.send(bytes([byte]))
        terminal.send(b'\r\x04')
        terminal.read_until(_PROMPT)
        check_equal(terminal.run(f'cat {path}; rm {path}').strip(), word, 'text')


def test_escape_help(t):
    """`~?` at the start of a line lists the escapes, and the session goes on"""
    with _shell(t.stack) as terminal:
        terminal.send(b'\r')
        terminal.read_until(_PROMPT)
        terminal.send(b'~?')
        terminal.read_until(rb'~\.[^\0]*~~[^\n]*\n')
        terminal.send(b'\r')
        terminal.read_until(_PROMPT)
        check_equal(terminal.run('echo $((6*7))').strip(), '42', 'the session goes on')
        check_equal(terminal.run('echo x~.y').strip(), 'x~.y', 'a tilde inside a line is no escape')


def test_escape_disconnect(t):
    """`~.` ends the session at once, and the terminal is as before"""
    with _shell(t.stack) as terminal:
        check(terminal.modes() != terminal.modes_before, 'the terminal is not raw during the session')
        terminal.send(b'sleep 1000\r')
        terminal.drain(0.2)
        terminal.send(b'\r~.')
        check_equal(terminal.wait_ended(5), 255, 'status')
        check_equal(terminal.modes(), terminal.modes_before, 'terminal modes')


def test_terminal_is_sane_after_the_relay_dies(t):
    """After kill -9 of the relay a client without patience ends, says why, and the terminal is as before"""
    stack = t.own_stack()
    with _shell(stack, env={'ADIT_PATIENCE': '0'}) as terminal:
        stack.relay.kill()
        check_equal(terminal.wait_ended(20), 255, 'status')
        check_equal(terminal.modes(), terminal.modes_before, 'terminal modes')
        check(re.search(rb'relay|connection', bytes(terminal.all[-600:]), re.I), 'it does not say why')


def test_terminal_is_sane_after_signals(t):
    """After SIGTERM and SIGHUP to the client the terminal is as before"""
    from support import proc_facts
    for number in (15, 1):
        with _shell(t.stack) as terminal:
            client = [pid for pid in proc_facts.descendants(terminal.popen.pid)
                      if ' shell ' in proc_facts.command_line(pid)]
            check(client, 'the client was not found')
            os.kill(client[-1], number)
            terminal.wait_ended()
            check_equal(terminal.modes(), terminal.modes_before, f'terminal modes after signal {number}')


def test_exec_with_terminal(t):
    """`adit exec -t` gives the command a terminal and its status back"""
    stack = t.stack
    argv = [stack.program('adit'), 'exec', '-t', stack.NODE, '--', 'sh', '-c', 'tty; stty size; exit 9']
    with Terminal(argv, stack.environment()) as terminal:
        terminal.read_until(rb'/dev/pts/\d+\n24 80\n', 10)
        check_equal(terminal.wait_ended(), 9, 'status')


def test_commands_from_a_pipe(t):
    """Commands that are piped into a shell run, and the pipe's end ends the shell"""
    shell = f'{t.stack.program("adit")} shell {t.stack.NODE}'
    for pause in (0, 0.3, 1.5):
        for end, status in (('; exit 6', 6), ('', 0)):
            # What is expected differs from what is typed, which the terminal echoes.
            script = f"(echo 'echo is-$((40 + 2)){end}'; sleep {pause}) | {shell}"
            done = subprocess.run(['sh', '-c', script], env=t.stack.environment(), timeout=15,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            check(b'is-42' in done.stdout, f'{script} printed {done.stdout!r}')
            check_equal(done.returncode, status, f'status of {script} ({done.stderr!r})')


def test_vim_under_tmux(t):
    """Under tmux: prompt, colours, a full-screen vim, its redraw at 132x50, ~^Z and fg"""
    stack = t.stack
    path = _file(stack, 'vim')
    with Tmux(stack.folder, stack.environment()) as tmux:
        tmux.type(f'{stack.program("adit")} shell {stack.NODE}', 'Enter')
        tmux.wait_for(r'[$#]$', 20)
        tmux.type(r"PS1='remote> '; clear; printf '\033[32mgreen\033[0m\n'", 'Enter')
        tmux.wait_for(r'^green\nremote>')
        check(re.search(r'\x1b\[[0-9;]*32m ?green', tmux.screen(escapes=True)), 'green is not green')

        tmux.type(f'vim.tiny -u NONE -N {path}', 'Enter')
        tmux.wait_for(r'(\n~){20,}')
        tmux.type('ifirst é漢🙂 line', 'Escape')
        tmux.wait_for(r'^first é漢🙂 line\n(~\n){20,}')
        tmux.resize(132, 50)
        tmux.wait_for(r'^first é漢🙂 line\n(~\n){46,}')
        tmux.type(':set ruler', 'Enter')
        tmux.type(':wq', 'Enter')
        tmux.wait_for(r'remote> $|remote>$')
        tmux.type(f'clear; stty size; cat {path}; rm {path}', 'Enter')
        tmux.wait_for(r'^50 132\nfirst é漢🙂 line\nremote>')

        tmux.type('', 'Enter')
        tmux.type('~', 'C-z')
        tmux.wait_for(r'local>$')
        tmux.type('stty -a | grep -c " echo "; fg', 'Enter')
        tmux.wait_for(r'\n1\n')
        tmux.type('', 'Enter')
        tmux.wait_for(r'remote>$')
        tmux.type('exit', 'Enter')
        tmux.wait_for(r'local>$')
        tmux.type('clear; stty -a | grep -o "icanon\\|isig" | sort', 'Enter')
        tmux.wait_for(r'^icanon\nisig\nlocal>')


test_vim_under_tmux.limit = 90
