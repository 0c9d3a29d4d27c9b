"""Debian's AWS CLI with our session-manager-plugin."""

import json
import os
import re
import subprocess

from support import aws, proc_facts
from support.processes import check
from support.terminal import Terminal

_START_SECONDS = 30


def environment(stack, **more):
    """What a user of the AWS CLI has: a key, the relay's authority, our plugin; nothing of adit's."""
    home = os.path.join(stack.folder, 'aws-home')
    os.makedirs(home, exist_ok=True)
    env = stack.environment()
    del env['ADIT_CONFIG_DIR']
    env.update(HOME=home, PATH=f'{stack.bin}:{env["PATH"]}', AWS_PAGER='',
               AWS_ACCESS_KEY_ID=stack.login_member('key'),
               AWS_SECRET_ACCESS_KEY=stack.login_member('secret'),
               AWS_DEFAULT_REGION='eu-west-1', AWS_CA_BUNDLE=aws.ca_file(stack))
    env.update(more)
    return env


def command(stack, document=None, *parameters, target=None):
    """The command line that starts a session; `parameters` are NAME=VALUE."""
    argv = ['/usr/bin/aws', '--endpoint-url', f'https://127.0.0.1:{stack.port}', 'ssm', 'start-session',
            '--target', target or stack.node_id()]
    if document:
        argv += ['--document-name', document]
    if parameters:
        pairs = (parameter.partition('=') for parameter in parameters)
        argv += ['--parameters', json.dumps({name: [value] for name, _, value in pairs})]
    return argv


def terminal(stack, *arguments, columns=80, rows=24, target=None):
    return Terminal(command(stack, *arguments, target=target), environment(stack), columns, rows)


def run(stack, *arguments, stdin=b'', env=None, timeout=60, target=None):
    """Runs a session to its end; returns subprocess's CompletedProcess, in bytes."""
    return subprocess.run(command(stack, *arguments, target=target), env=env or environment(stack), input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          start_new_session=True, check=False)


class PortSession:
    """A port session that runs until it is ended. `port` is the local one."""

    def __init__(self, stack, document, *parameters, env=None):
        self.process = stack.start('aws', command(stack, document, *parameters),
                                   env or environment(stack))
        opened = self.process.wait_for(
            lambda: re.search(r'(?:Port (\d+)|Unix socket (\S+)) opened for sessionId (\S+)\.\n'
                              r'Waiting for connections\.\.\.\n', self.process.out()),
            _START_SECONDS, 'the port opens')
        self.port = int(opened[1] or 0)
        self.path = opened[2]
        self.session = opened[3]

    def plugin_pid(self):
        """The plugin's process, a child of the CLI."""
        found = proc_facts.children_by_parent().get(self.process.pid, [])
        check(len(found) == 1, f'the CLI has the children {found}')
        return found[0]

    def end(self, number):
        """Signals the plugin; returns what the CLI ends with, once it has printed everything."""
        os.kill(self.plugin_pid(), number)
        return self.process.wait(10)


def session_id(text):
    found = re.search(r'Starting session with SessionId: (\S+)', text)
    check(found, f'no session was started: {text[-300:]}')
    return found[1]
