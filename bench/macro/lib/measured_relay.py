"""A relay that is measured: started, looked at and ended by the scripts of this folder."""

import json
import os
import resource
import socket
import subprocess
import sys
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), '../../..'))
NAMESPACE_MARK = 'BENCH_IN_NETNS'


def log(text):
    print(f'{time.strftime("%T")} {text}', file=sys.stderr, flush=True)


def fail(text):
    log(f'FAIL: {text}')
    sys.exit(1)


def read(path):
    with open(path) as file:
        return file.read()


def enter_namespace():
    """Starts the script again in a network namespace of its own, where that is permitted: no port is shared then."""
    if NAMESPACE_MARK not in os.environ and subprocess.run(['unshare', '--net', 'true'], stderr=subprocess.DEVNULL
                                                           ).returncode == 0:
        os.environ[NAMESPACE_MARK] = '1'
        os.execvp('unshare', ['unshare', '--net', '--', sys.executable, *sys.argv])
    if NAMESPACE_MARK in os.environ:
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def machine_facts(build):
    def output(*command):
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    commit = output('git', 'rev-parse', '--short=12', 'HEAD') or 'unknown'
    if output('git', 'status', '--porcelain', '--untracked-files=no', '--', '.', ':!bench/results'):
        commit += '-changed'
    cache = dict(line.partition(':')[::2] for line in read(os.path.join(build, 'CMakeCache.txt')).splitlines())
    value = lambda name: cache.get(name, '=').partition('=')[2]
    compiler = value('CMAKE_CXX_COMPILER')
    build_type = value('CMAKE_BUILD_TYPE')
    command = next(entry['command'] for entry in json.loads(read(os.path.join(build, 'compile_commands.json')))
                   if entry['file'].endswith('/switchboard.cc'))
    return {'commit': commit, 'kernel': os.uname().release, 'cores': os.cpu_count(),
            'machine': next((line.partition(': ')[2] for line in read('/proc/cpuinfo').splitlines()
                             if line.startswith('model name')), ''),
            'compiler': output(compiler, '--version').split('\n')[0] if compiler else '', 'build': build_type,
            'flags': ' '.join(word for word in command.split() if word[:2] in ('-O', '-g', '-m', '-f'))}


class MeasuredRelay:
    """Its state is in FOLDER/state; `options` has build, io, loops, and under: a command to run it under."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.state = os.path.join(folder, 'state')
        self.roll = os.path.join(folder, 'roll')
        self.env = dict(os.environ, ADIT_IO=options.io)
        self.process = None
        self.listener = None
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]

    def enroll(self, count):
        """Makes nodes, while it does not run; their identities are in `roll`. Returns the line to log in with."""
        done = subprocess.run([os.path.join(self.options.build, 'bench/fleet'), 'enroll', '--state', self.state, '--roll',
                        self.roll, '--agents', str(count), '--port', str(self.port)], check=True,
                              stdout=subprocess.PIPE)
        return json.loads(done.stdout)['login']

    def listen(self):
        """Makes the socket that processes from now on are handed, as a service manager does."""
        for tries_left in range(99, -1, -1):
            try:
                self.listener = socket.create_server(('0.0.0.0', self.port), backlog=4096)
                return
            except OSError:  # The kernel has not let go yet of what was killed.
                if tries_left == 0:
                    raise
            time.sleep(0.05)

    def _hand_over(self):
        os.dup2(self.listener.fileno(), 3)
        os.set_inheritable(3, True)

    def start(self):
        """Returns how long it took until it says that it is ready."""
        command = [os.path.join(self.options.build, 'bin/adit-relay'), '--state', self.state, '--listen',
                   f'0.0.0.0:{self.port}', '--advertise', f'127.0.0.1:{self.port}', '--loops', str(self.options.loops)]
        if self.options.under:
            command = self.options.under.split() + command
        handed = {}
        if self.listener is not None:
            command = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', 'sh', *command]
            handed = {'close_fds': False, 'preexec_fn': self._hand_over}
        log_path = os.path.join(self.folder, 'relay.log')
        start = time.monotonic()
        with open(log_path, 'wb') as log_file:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log_file, env=self.env, **handed)
        while b'relay_ready' not in open(log_path, 'rb').read(4096):
            if self.process.poll() is not None or time.monotonic() - start > 60:
                fail('the relay does not start: ' + self.last_words())
            time.sleep(0.01)
        return time.monotonic() - start

    def last_words(self):
        return read(os.path.join(self.folder, 'relay.log'))[-500:]

    def cpu_seconds(self):
        return cpu_seconds(f'/proc/{self.process.pid}/stat')

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM, and its end."""
        self.process.terminate()
        self.process.wait()

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()


def cpu_seconds(stat_path):
    fields = read(stat_path).rpartition(')')[2].split()
    return sum(int(field) for field in fields[11:13]) / os.sysconf('SC_CLK_TCK')
