"""Finds the tests, runs them one after another, prints one line for each."""

import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

from support.processes import Failure, adopt_orphans, kill_descendants
from support.stack import Stack

_LOG_LINES = 8  # Of each process, when a test fails.

# This many failures are looked at again: real processes on a busy machine meet in orders that nobody
# thought of. A test that then passes is reported as unsteady, by name, and is a bug to be mended; one
# that fails twice has failed, and so have all when there are more.
_AGAIN_MAX = 2


class Test:
    """What a test function gets: sizes, the shared stack of its file, stacks of its own."""

    def __init__(self, run, module, io):
        self.run = run
        self.module = module
        self.io = io
        self.full = run.full
        self.bin = run.bin
        self._own = []

    def size(self, quick, full):
        return full if self.full else quick

    @property
    def stack(self):
        return self.run.shared_stack(self.module, self.io)

    def own_stack(self, **options):
        stack = Stack(self.bin, self.run.new_folder(), options.pop('io', self.io), **options)
        self._own.append(stack)
        return stack

    def adopt(self, stack):
        """The stack is stopped when the test ends."""
        self._own.append(stack)

    def note(self, text):
        """Prints a figure below the test's line."""
        self.run.notes.append(text)

    def end(self):
        for stack in self._own:
            stack.stop()


class Run:
    """One run of some files on some backends."""

    def __init__(self, bin_folder, full, backends, only, part):
        self.bin = bin_folder
        self.full = full
        self.backends = backends
        self.only = only
        self.part = part
        self.folder = tempfile.mkdtemp(prefix='adit-e2e-')
        os.chmod(self.folder, 0o755)
        self.notes = []
        self.passed = 0
        self.failed = []  # (module, file, function, backend)
        self.unsteady = []
        self._stack = None
        self._stack_key = None
        self._folders = 0

    def new_folder(self):
        self._folders += 1
        return os.path.join(self.folder, str(self._folders))

    def shared_stack(self, module, io):
        key = (module.__name__, io)
        if self._stack_key != key:
            if self._stack:
                self.drop_stack()
            self._stack = Stack(self.bin, self.new_folder(), io)
            self._stack_key = key
        return self._stack

    def drop_stack(self):
        if self._stack:
            self._stack.stop()
        self._stack, self._stack_key = None, None
        kill_descendants()

    def run_file(self, name, io):
        module = importlib.import_module(name)
        backends = getattr(module, 'BACKENDS', 'each')
        if backends == 'once' and io != self.backends[0]:
            return
        for function_name, function in list(vars(module).items()):
            if not function_name.startswith('test_') or not self._wanted(name, function_name):
                continue
            if getattr(function, 'full_only', False) and not self.full:
                continue
            if getattr(function, 'by_name', False) and not self.only:
                continue
            if self._is_other_part(function) or self._waits_again(function, io):
                continue
            self._run_one(module, name, function, io)
        self.drop_stack()

    def _is_other_part(self, function):
        return self.part != 'all' and (self.part == 'waiting') != getattr(function, 'waits', False)

    def _waits_again(self, function, io):
        """At reduced size what mostly waits for a deadline does so on one backend, unless asked for by name."""
        again = io != self.backends[0] and not self.full and not self.only
        return again and getattr(function, 'waits', False)

    def _wanted(self, file, function):
        return not self.only or any(word in f'{file}.{function}' for word in self.only)

    def _run_one(self, module, file, function, io):
        limit = getattr(function, 'limit', 60) * (15 if self.full else 1)
        test = Test(self, module, io)
        start = time.monotonic()
        signal.alarm(int(limit))
        problem = None
        try:
            function(test)
        except Failure as failure:
            place = traceback.extract_tb(failure.__traceback__)
            line = next((f.lineno for f in reversed(place) if f.filename == module.__file__), 0)
            problem = f'{failure} ({file}.py:{line})'
        except Exception:  # A bug of the test is a failed test, and the others go on.
            problem = traceback.format_exc().strip()
        finally:
            signal.alarm(0)
        seconds = time.monotonic() - start
        sentence = (function.__doc__ or function.__name__).strip().split('\n')[0]
        word = 'FAILED' if problem else 'ok'
        print(f'{word:6} {io:5} {file[:-5]:9} {seconds:6.2f} s  {sentence}', flush=True)
        for note in self.notes:
            print(f'{"":13}{note}', flush=True)
        self.notes.clear()
        if problem:
            self.failed.append((module, file, function, io))
            print('       ' + problem.replace('\n', '\n       '))
            self._print_logs(test)
        else:
            self.passed += 1
        try:
            test.end()
            if problem:
                self.drop_stack()  # The next test starts afresh.
        except Failure as failure:
            print(f'       while cleaning up: {failure}')

    def run_failed_again(self):
        if len(self.failed) > _AGAIN_MAX:
            return
        again, self.failed = self.failed, []
        for test in again:
            self.drop_stack()
            print('once more:', flush=True)
            failures = len(self.failed)
            self._run_one(*test)
            if len(self.failed) == failures:
                self.unsteady.append(test)

    def _print_logs(self, test):
        stacks = test._own + ([self._stack] if self._stack else [])
        for stack in stacks:
            for process in stack.processes:
                # Not standard output: the relay's has secrets.
                text = process.err().strip()
                state = 'running' if process.running() else f'ended {process.popen.returncode}'
                print(f'       --- {process.name} ({state}), end of {process.err_path}')
                for line in text.split('\n')[-_LOG_LINES:]:
                    print('       ' + line[:300])
        sys.stdout.flush()

    def end(self):
        self.drop_stack()
        if self.failed or self.unsteady:
            print(f'logs are kept in {self.folder}')
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def _on_alarm(_number, _frame):
    raise Failure('the test took too long')


def run_all(files, bin_folder, full, backends, only, part):
    """Returns the exit code."""
    adopt_orphans()
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # What nohup, or a shell for what it starts in the background, has ignored, the programs would leave
    # ignored, too.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    run = Run(bin_folder, full, backends, only, part)
    start = time.monotonic()
    try:
        for io in backends:
            for name in files:
                run.run_file(name, io)
        run.run_failed_again()
    finally:
        run.end()
        kill_descendants()
    size = 'full' if full else 'quick'
    for word, tests in (('UNSTEADY', run.unsteady), ('failed', run.failed)):
        for _, file, function, io in tests:
            print(f'{word}: {file}.{function.__name__} on {io}')
    print(f'{run.passed} passed, {len(run.failed)} failed, {size}, {" and ".join(backends)}, '
          f'{time.monotonic() - start:.0f} s')
    return 1 if run.failed or not run.passed else 0
