"""An honest session beside an attack, and what the relay holds before and after it."""

import contextlib
import math
import threading
import time

from support import proc_facts
from support.processes import Failure, check, check_equal, wait_until

_ECHO_SECONDS_MAX = 2.0
_MEMORY_GROWTH_MAX = 16 << 20
_MEMORY_PEAK_MAX = 64 << 20


def _descriptors(pid):
    """All but pipes, of which a loop keeps a few for the sealed sessions to come."""
    return proc_facts.descriptor_count(pid) - proc_facts.pipe_end_count(pid)


class HonestSession(threading.Thread):
    """`adit exec NODE -- cat` that is asked for an echo every 20 ms; remembers the slowest answer."""

    def __init__(self, stack, carriage):
        super().__init__(daemon=True)
        self._process = stack.popen('exec', carriage, stack.NODE, '--', 'cat')
        self._over = threading.Event()
        self.slowest = 0.0
        self.count = 0
        self.problem = None
        self._ask()

    def _ask(self):
        text = b'honest %d\n' % self.count
        start = time.monotonic()
        self._process.stdin.write(text)
        self._process.stdin.flush()
        got = self._process.stdout.readline()
        if got != text:
            raise Failure(f'the honest session got {got!r}')
        if self.count:
            self.slowest = max(self.slowest, time.monotonic() - start)
        self.count += 1

    def wait_echoes(self, count, seconds):
        """Returns when so many more have come."""
        wanted = self.count + count
        wait_until(lambda: self.problem or self.count >= wanted, seconds, f'{count} echoes of the honest session')

    def run(self):
        try:
            while not self._over.wait(0.02):
                self._ask()
        except (OSError, Failure) as error:
            self.problem = f'{error}: {self._process.stderr.read()!r}'

    def end(self):
        self._over.set()
        self.join(20)
        check(not self.is_alive(), 'the honest session hangs')
        check(not self.problem, f'the honest session was disturbed: {self.problem}')
        self._process.stdin.close()
        check_equal(self._process.wait(10), 0, 'the status of the honest session')


class _PeakOfMemory(threading.Thread):
    """Looks at a process's memory every few milliseconds: blocks that are given back count, too."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self.bytes = 0
        self.start()

    def run(self):
        while not self._over.wait(0.005):
            self.bytes = max(self.bytes, proc_facts.memory_bytes(self._pid))

    def end(self):
        self._over.set()
        self.join(10)
        return self.bytes


@contextlib.contextmanager
def undisturbed(t, carriage='--inspected', stack=None, peak_max=_MEMORY_PEAK_MAX,
                growth_max=_MEMORY_GROWTH_MAX, honest=None):
    """Around an attack: the honest session goes on, and the relay holds little more meanwhile, and no
    more than before at the end. Who brings a session of his own counts its echoes, and how long one
    takes is not judged."""
    stack = stack or t.stack
    check_equal(stack.exec('true').returncode, 0, 'a session before the attack')
    slowest_max = math.inf if honest else _ECHO_SECONDS_MAX
    honest = honest or HonestSession(stack, carriage)
    honest.start()
    pid = stack.relay.pid
    time.sleep(0.2)
    fds, memory = _descriptors(pid), proc_facts.memory_bytes(pid)
    peak = _PeakOfMemory(pid)
    try:
        yield stack
    finally:
        stack.relay.check_running()
        stack.agent.check_running()
        honest.end()
        peak_growth = peak.end() - memory
    # The honest session's connections are gone, too.
    wait_until(lambda: _descriptors(pid) <= fds, 20,
               f'the relay has no more than {fds} descriptors')
    growth = proc_facts.memory_bytes(pid) - memory
    t.note(f'honest session: {honest.count} echoes, slowest {honest.slowest * 1e3:.0f} ms; '
           f'relay memory {growth >> 10:+d} KiB, at most {peak_growth >> 10:+d} KiB')
    check(honest.slowest < slowest_max, f'an echo took {honest.slowest:.1f} s')
    check(growth < growth_max, f'the relay grew by {growth >> 10} KiB')
    check(peak_growth < peak_max, f'the relay grew by {peak_growth >> 10} KiB during the attack')
    after = stack.exec('echo', 'fine')
    check_equal(after.stdout, b'fine\n', f'a session after the attack ({after.stderr!r})')
