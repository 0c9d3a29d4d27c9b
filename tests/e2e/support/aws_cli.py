"""Debian's `aws` with the face of AWS's client library, so that a test can run with either.

Each call is a whole run of the CLI, its parser and its output included, in a process that has loaded its
modules already: to start it anew costs a second, and to call it does not.
"""

import json
import os
import re
import subprocess

from botocore import xform_name

from support import aws
from support.processes import Failure, check

_WORKER = '''
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver
driver = create_clidriver()
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = driver.main(json.loads(line))
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
'''
_ERROR = re.compile(r'An error occurred \((\w+)\) when calling the \w+ operation'
                    r'(?: \(reached max retries: \d+\))?: (.*)', re.DOTALL)


class AwsCli:
    """As Aws; where the CLI has other words: a list comes whole, `PageSize` says in which pages. Where
    it is not given, the CLI asks for the smallest there are."""

    is_cli = True

    def __init__(self, stack):
        self.library = aws.of_stack(stack)
        self.key = self.library.key
        self.seen = set()
        self._folder = stack.folder
        self._port = stack.port
        # start-session runs it; what it does is looked at elsewhere.
        programs = os.path.join(stack.folder, 'cli-programs')
        os.makedirs(programs, exist_ok=True)
        plugin = os.path.join(programs, 'session-manager-plugin')
        with open(plugin, 'w', encoding='ascii') as file:
            file.write('#!/bin/sh\nexit 0\n')
        os.chmod(plugin, 0o755)
        env = stack.environment() | {
            'AWS_ACCESS_KEY_ID': stack.login_member('key'), 'AWS_SECRET_ACCESS_KEY': stack.login_member('secret'),
            'AWS_DEFAULT_REGION': 'adit', 'AWS_CA_BUNDLE': aws.ca_file(stack), 'AWS_PAGER': '',
            'AWS_MAX_ATTEMPTS': '1', 'PATH': programs + ':' + os.environ['PATH']}
        self._worker = subprocess.Popen(['/usr/bin/python3', '-c', _WORKER], env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def client(self, service):
        return self.library.client(service)

    def close(self):
        self._worker.stdin.close()
        self._worker.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, service, operation, **parameters):
        size = aws.page_size(self.library.client(service), operation, parameters)
        if size is not None:
            parameters['PageSize'] = size
        code, out, err = self._run(service, operation, parameters)
        check(code == 0, f'aws {service} {operation} {parameters} ended with {code}: {err}')
        self.seen.add(operation)
        answer = json.loads(out) if out.strip() else {}
        if operation == 'CreateVirtualMFADevice':
            with open(self._outfile(), encoding='ascii') as file:
                answer['VirtualMFADevice']['Base32StringSeed'] = file.read()
        return answer

    def error(self, service, operation, **parameters):
        code, out, err = self._run(service, operation, parameters)
        found = _ERROR.search(err)
        if code == 0 or not found:
            raise Failure(f'aws {service} {operation} {parameters} ended with {code}: {out}{err}')
        return found[1], found[2].strip()

    def wait(self, service, waiter, **parameters):
        code, out, err = self._run(service, 'wait', parameters, xform_name(waiter, '-'))
        check(code == 0, f'aws {service} wait {waiter} {parameters} ended with {code}: {out}{err}')

    def _outfile(self):
        return os.path.join(self._folder, 'cli-outfile')

    def _run(self, service, operation, parameters, *words):
        arguments = ['--endpoint-url', f'https://127.0.0.1:{self._port}', '--output', 'json', service,
                     xform_name(operation, '-'), *words]
        for name, value in parameters.items():
            option = '--' + xform_name(name, '-')
            if isinstance(value, bool):
                arguments.append(option if value else '--no-' + option[2:])
            else:
                arguments += [option, json.dumps(value) if isinstance(value, (dict, list)) else str(value)]
        if operation == 'CreateVirtualMFADevice':
            arguments += ['--bootstrap-method', 'Base32StringSeed', '--outfile', self._outfile()]
        self._worker.stdin.write(json.dumps(arguments) + '\n')
        self._worker.stdin.flush()
        line = self._worker.stdout.readline()
        check(line, f'the CLI died at {service} {operation}')
        return json.loads(line)
