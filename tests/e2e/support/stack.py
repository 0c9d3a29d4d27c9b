"""A relay, an enrolled agent and a client that is logged in, in a folder of their own."""

import json
import os
import re
import shlex
import signal
import subprocess

from support import proc_facts
from support.api import Api
from support.processes import Failure, Process, check, free_port, wait_until

_START_SECONDS = 20


class Stack:
    """The three programs. `io` is uring, epoll or auto; `env` is added to relay and agent,
    `relay_arguments` to the relay's. `advertise` makes of the relay's port the one that it tells others,
    where something stands before it."""

    NODE = 'node-1'
    LISTEN = ADDRESS = '127.0.0.1'  # Where the relay listens, and where the others find it.

    def place(self, argv):
        """The command that runs argv where its program belongs; a subclass has several places."""
        return argv

    def __init__(self, bin_folder, folder, io, env=None, before_exec=None, relay_arguments=(),
                 advertise=None):
        self.bin = bin_folder
        self.folder = folder
        self.io = io
        self.extra_env = env or {}
        self.before_exec = before_exec
        self.relay_arguments = list(relay_arguments)
        self.port = free_port()
        self.advertised = advertise(self.port) if advertise else self.port
        self.processes = []
        self._names = {}
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        # Where tests put files that the user of the sessions must reach.
        self.shared = os.path.join(folder, 'shared')
        os.makedirs(self.shared)
        os.chmod(self.shared, 0o1777)
        self.config = os.path.join(folder, 'config')
        os.makedirs(self.config, 0o700)
        self.relay_state = os.path.join(folder, 'relay-state')
        self.agent_state = os.path.join(folder, 'agent-state')
        self.relay = None
        self.agent = None
        self.start_relay()
        self.enroll_line = self._printed('adit-enroll')
        self.login_line = self._printed('adit-login')
        login = self.adit('login', input=self.login_line.encode() + b'\n')
        check(login.returncode == 0, f'adit login failed: {login.stderr.decode()}')
        self.enroll()
        self.start_agent()

    # ---------------------------------------------------------------- the environment

    def environment(self, program_io=None):
        """What a program of the stack sees; nothing of the user's own set-up."""
        env = {name: os.environ[name] for name in ('PATH', 'HOME', 'USER', 'ADIT_STEPS', 'TMPDIR')
               if name in os.environ}
        env.update(LANG='C.UTF-8', TERM='xterm-256color', ADIT_CONFIG_DIR=self.config,
                   ADIT_IO=program_io or self.io)
        return env

    def program(self, name):
        path = os.path.join(self.bin, name)
        check(os.path.exists(path), f'{path} is not built')
        return path

    def start(self, name, argv, env=None, stdin=b'', before_exec=None):
        """Starts one process of this stack, numbered if the name was used before."""
        count = self._names[name] = self._names.get(name, 0) + 1
        process = Process(name if count == 1 else f'{name}-{count}', self.place(argv),
                          env or self.environment(), self.folder, stdin, before_exec)
        self.processes.append(process)
        return process

    # ------------------------------------------------------------ relay and agent

    def start_relay(self):
        self.relay = self.start(
            'relay',
            [self.program('adit-relay'), '--state', self.relay_state,
             '--listen', f'{self.LISTEN}:{self.port}', '--advertise', f'{self.ADDRESS}:{self.advertised}',
             *self.relay_arguments],
            self.environment() | self.extra_env, before_exec=self.before_exec)
        self.relay.wait_for(lambda: proc_facts.is_listening(self.port, self.relay.pid), _START_SECONDS,
                            'the relay listens')

    def _printed(self, first_word):
        line = self.relay.wait_for(
            lambda: re.search(rf'{first_word} relay=\S+[^\n\'"]*', self.relay.out()),
            _START_SECONDS, f'the relay prints its {first_word} line')
        return line[0].strip()

    def enroll(self, state=None, name=None, line=None):
        """Enrols a node and returns the finished process of `adit-agent enroll`."""
        done = subprocess.run(
            self.place([self.program('adit-agent'), 'enroll', '--state', state or self.agent_state,
                        '--name', name or self.NODE]),
            input=(line or self.enroll_line).encode() + b'\n', env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=_START_SECONDS, check=False)
        if line is None:
            check(done.returncode == 0, f'adit-agent enroll failed: {done.stderr.decode()}')
        return done

    def start_agent(self, state=None, name='agent', wait=True):
        agent = self.start(
            name, [self.program('adit-agent'), 'run', '--state', state or self.agent_state],
            self.environment() | self.extra_env, before_exec=self.before_exec)
        if state is None:
            self.agent = agent
        if wait:
            self.wait_connected(agent=agent)
        return agent

    def is_connected(self, node=None):
        nodes = self.adit('nodes', '--json')
        if nodes.returncode != 0:
            return False
        listed = map(json.loads, nodes.stdout.decode().splitlines())
        return any(entry['online'] for entry in listed if entry['name'] == (node or self.NODE))

    def wait_connected(self, seconds=_START_SECONDS, agent=None, node=None):
        def step():
            if agent is not None:
                agent.check_running()
            return self.is_connected(node)
        wait_until(step, seconds, f'{node or self.NODE} is connected')

    # ------------------------------------------------------------------ the client

    def adit(self, *arguments, input=None, stdin=None, timeout=30, env=None):
        """Runs `adit ARGUMENTS` to its end; returns subprocess's CompletedProcess, in bytes."""
        argv = self.place([self.program('adit'), *arguments])
        if input is None and stdin is None:
            stdin = subprocess.DEVNULL
        try:
            return subprocess.run(argv, input=input, stdin=stdin, env=env or self.environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                                  start_new_session=True, check=False)
        except subprocess.TimeoutExpired as late:
            raise Failure(f'{shlex.join(argv)[:200]} did not end within {timeout} s; '
                          f'stderr: {(late.stderr or b"").decode(errors="replace")[-500:]}') from None

    def exec(self, *command, **options):
        return self.adit('exec', self.NODE, '--', *command, **options)

    def popen(self, *arguments, **options):
        """Starts `adit ARGUMENTS` with pipes; the caller waits for it."""
        options = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE,
                   'env': self.environment(), 'start_new_session': True} | options
        return subprocess.Popen(self.place([self.program('adit'), *arguments]), **options)

    def forward(self, target, local_port=None, name='forward', env=None, options=(), node=None):
        """Starts `adit forward` to `target` (PORT or HOST:PORT); returns the process, with .port."""
        port = local_port or free_port()
        process = self.start(name, [self.program('adit'), 'forward', *options,
                                    node or self.NODE, f'{port}:{target}'], env)
        process.wait_for(lambda: proc_facts.is_listening(port, process.pid), _START_SECONDS,
                         f'adit forward listens on port {port}')
        process.port = port
        return process

    def login_member(self, name):
        """A member of the login line, such as key or secret."""
        return re.search(rf'\b{name}=(\S+)', self.login_line)[1]

    def api(self):
        """The API with the key that was logged in, for calls that may lie."""
        return Api(self.port, self.login_member('key'), self.login_member('secret'))

    def node_id(self, name=None):
        listed = map(json.loads, self.adit('nodes', '--json').stdout.decode().splitlines())
        return next(entry['id'] for entry in listed if entry['name'] == (name or self.NODE))

    def stop(self):
        for process in reversed(self.processes):
            if process.running():
                process.signal(signal.SIGCONT)
                process.signal(signal.SIGTERM)
        for process in reversed(self.processes):
            process.stop()
