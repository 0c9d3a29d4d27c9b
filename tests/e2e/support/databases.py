"""Real databases in folders of their own, on ports of their own."""

import glob
import os
import pwd
import shutil
import signal
import subprocess

from support import proc_facts
from support.processes import Process, check, free_port, wait_until


def _find(program):
    found = shutil.which(program)
    if not found:
        versions = sorted(glob.glob(f'/usr/lib/postgresql/*/bin/{program}'))
        found = versions[-1] if versions else None
    check(found, f'{program} is not installed (tools/dependencies e2e installs it)')
    return found


class Postgres:
    """A cluster of its own; as root it runs as the user postgres, for PostgreSQL refuses root."""

    def __init__(self, folder):
        self.port = free_port()
        data = os.path.join(folder, 'postgres')
        os.makedirs(data)
        self._become = None
        if os.geteuid() == 0:
            user = pwd.getpwnam('postgres')
            os.chown(data, user.pw_uid, user.pw_gid)

            def become():
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
            self._become = become
        env = {'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8'}
        done = subprocess.run(
            [_find('initdb'), '-D', data + '/cluster', '-A', 'trust', '-U', 'bench', '--no-sync'],
            env=env, cwd=data, preexec_fn=self._become, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=60, check=False)
        check(done.returncode == 0, f'initdb failed: {done.stdout.decode()[-300:]}')
        self.process = Process('postgres-server', [
            _find('postgres'), '-D', data + '/cluster', '-p', str(self.port),
            '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'fsync=off',
            '-c', 'max_connections=100'], env, folder, before_exec=self._become, cwd=data)
        ready = [_find('pg_isready'), '-q', '-h', '127.0.0.1', '-p', str(self.port)]
        wait_until(lambda: subprocess.run(ready, timeout=10, check=False).returncode == 0, 30,
                   'PostgreSQL is ready')

    def stop(self):
        self.process.signal(signal.SIGINT)  # A fast shutdown: it does not wait for clients.
        self.process.wait(15)


def pgbench(port, *arguments, seconds):
    """Runs pgbench against a port; returns its output, standard error included."""
    done = subprocess.run(
        [_find('pgbench'), '-h', '127.0.0.1', '-p', str(port), '-U', 'bench', *arguments, 'postgres'],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
        env={'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8'}, check=False)
    text = done.stdout.decode(errors='replace')
    check(done.returncode == 0, f'pgbench {" ".join(arguments)} failed: {text[-500:]}')
    return text


class Redis:
    def __init__(self, folder):
        self.port = free_port()
        self.process = Process('redis-server', [
            _find('redis-server'), '--bind', '127.0.0.1', '--port', str(self.port), '--save', '',
            '--appendonly', 'no', '--dir', folder], {'PATH': os.environ['PATH']}, folder)
        wait_until(lambda: proc_facts.is_listening(self.port), 10, 'Redis listens')

    def stop(self):
        self.process.stop()


def redis_benchmark(port, requests, seconds):
    done = subprocess.run(
        [_find('redis-benchmark'), '-h', '127.0.0.1', '-p', str(port), '-n', str(requests), '-c', '50',
         '-P', '16', '-t', 'set,get', '--csv'],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
        check=False)
    text = done.stdout.decode(errors='replace')
    check(done.returncode == 0, f'redis-benchmark failed: {text[-500:]}')
    return text
