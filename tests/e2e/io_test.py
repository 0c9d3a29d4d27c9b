"""Does every process run on the backend it was told, and on the other one when that is denied; do its threads take turns?

Method: look at the open descriptors and the threads of the running programs; forbid io_uring with a seccomp filter.
"""

import os

from support import proc_facts
from support.processes import check, check_equal
from support.seccomp import deny_io_uring


def _backends(pid):
    """Which of the two kernel interfaces the process has open."""
    targets = proc_facts.descriptors(pid)
    return {name for name, sign in (('uring', '[io_uring]'), ('epoll', '[eventpoll]'))
            if any(sign in target for target in targets)}


def test_each_program_uses_the_backend_it_was_told(t):
    """relay, agent and client use the backend they were told"""
    forward = t.stack.forward('9')
    for process in (t.stack.relay, t.stack.agent, forward):
        check(t.io in _backends(process.pid),
              f'{process.name} was told {t.io} and uses {_backends(process.pid)}')
        if t.io == 'epoll':
            check_equal(_backends(process.pid), {'epoll'}, f'{process.name} uses')


def test_without_io_uring_it_runs_on_epoll_and_says_why(t):
    """With io_uring denied, --io=auto runs on epoll and says why"""
    stack = t.own_stack(io='auto', before_exec=deny_io_uring)
    for process in (stack.relay, stack.agent):
        check_equal(_backends(process.pid), {'epoll'}, f'{process.name} uses')
        log = process.out() + process.err()
        check('epoll' in log and 'io_uring' in log, f'{process.name} does not say why: {log[:500]}')
    done = stack.exec('echo', 'works')
    check_equal((done.returncode, done.stdout), (0, b'works\n'), 'exec on epoll')


def test_loops_take_short_turns_and_writers_long_ones(t):
    """Each program's loop takes the shortest turns; the relay's desk and the writer of its audit files the longest"""
    forward = t.stack.forward('9')
    if 0 in proc_facts.turns_ns(os.getpid()):
        t.note('this kernel knows no turns of one thread')
        return
    short, long = 100_000, 100_000_000
    for process in (t.stack.relay, t.stack.agent, forward):
        turns = proc_facts.turns_ns(process.pid)
        check(turns[short] >= 1, f'{process.name} has turns of {turns}')
        check_equal(turns[long], 2 if process is t.stack.relay else 0, f'{process.name}, long turns of {turns}')
