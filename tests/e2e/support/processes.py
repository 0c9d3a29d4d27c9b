"""Processes that a test starts: found again, bounded in time, and gone when the test is over."""

import ctypes
import os
import signal
import socket
import subprocess
import time

from support import proc_facts

_PR_SET_CHILD_SUBREAPER = 36


class Failure(Exception):
    """A promise was not kept; the text says which."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(got, wanted, what):
    if got != wanted:
        raise Failure(f'{what}: got {_short(got)}, wanted {_short(wanted)}')


def _short(value):
    text = repr(value)
    return text if len(text) <= 400 else text[:200] + ' ... ' + text[-200:]


def wait_until(condition, seconds, what):
    """Returns the first true value of condition(); fails after `seconds`."""
    end = time.monotonic() + seconds
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f'not within {seconds} s: {what}')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def adopt_orphans():
    """Processes whose parent died become children of this one, so that none can get away."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_descendants():
    """Kills all that was started from here, by number."""
    for _ in range(20):
        left = list(proc_facts.descendants(os.getpid()))
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        _reap(set(left))
        if not left:
            return
        time.sleep(0.05)


def _reap(pids):
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


class Process:
    """One process with its output in files, in a session of its own."""

    def __init__(self, name, argv, env, folder, stdin=b'', before_exec=None, cwd=None):
        self.name = name
        self.argv = argv
        self.out_path = os.path.join(folder, name + '.out')
        self.err_path = os.path.join(folder, name + '.err')
        with open(self.out_path, 'ab') as out, open(self.err_path, 'ab') as err:
            self.popen = subprocess.Popen(
                argv, env=env, stdin=subprocess.PIPE if stdin != b'' else subprocess.DEVNULL,
                stdout=out, stderr=err, start_new_session=True, preexec_fn=before_exec, cwd=cwd)
        if stdin:
            self.popen.stdin.write(stdin)
            self.popen.stdin.close()

    @property
    def pid(self):
        return self.popen.pid

    def out(self):
        with open(self.out_path, 'rb') as file:
            return file.read().decode(errors='replace')

    def err(self):
        with open(self.err_path, 'rb') as file:
            return file.read().decode(errors='replace')

    def running(self):
        return self.popen.poll() is None

    def check_running(self):
        check(self.running(), f'{self.name} ended with {self.popen.returncode}: {self.tail()}')

    def tail(self, lines=5):
        return ' | '.join((self.out() + self.err()).strip().split('\n')[-lines:])

    def wait_for(self, condition, seconds, what):
        """As wait_until, but fails at once when the process ends before."""
        def step():
            value = condition()
            if not value:
                self.check_running()
            return value
        return wait_until(step, seconds, what)

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, seconds):
        """Returns the exit status, 128 + n for a signal as a shell does."""
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f'{self.name} did not end within {seconds} s: {self.tail()}') from None
        return code if code >= 0 else 128 - code

    def stop(self, seconds=5):
        """Asks with SIGTERM, insists with SIGKILL; returns the exit status."""
        if self.running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.popen.returncode

    def kill(self):
        if self.running():
            self.signal(signal.SIGKILL)
            self.popen.wait(5)
