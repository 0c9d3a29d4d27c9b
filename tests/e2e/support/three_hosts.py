"""Client, relay and node on hosts of their own: network namespaces, whose links can be cut and whose addresses
can change."""

import ctypes
import os
import subprocess
import threading

from support.processes import Failure, wait_until
from support.stack import Stack

_CLONE_NEWNET = 0x40000000
_ADDRESSES = {'client': '10.78.1.{}', 'node': '10.78.2.{}'}
_FIRST, _GATEWAY = 1, 254
_NOBODY = '02:00:00:00:00:01'  # An Ethernet address that nobody has.


def is_possible():
    """True for who may make network namespaces."""
    return subprocess.run(['unshare', '--net', 'true'], stderr=subprocess.DEVNULL, check=False).returncode == 0


class _Host:
    """A network namespace that lives as long as the process in it."""

    def __init__(self):
        self.holder = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', 'unshare', '--net', 'sleep', 'infinity'])
        own = os.stat('/proc/self/ns/net').st_ino
        wait_until(lambda: os.stat(self.path).st_ino != own, 10, 'the namespace is there')
        self.run('ip', 'link', 'set', 'lo', 'up')

    @property
    def path(self):
        return f'/proc/{self.holder.pid}/ns/net'

    def inside(self, argv):
        return ['nsenter', f'--net={self.path}', *argv]

    def run(self, *argv):
        subprocess.run(self.inside(argv), check=True, timeout=20, stdout=subprocess.DEVNULL)

    def call(self, function):
        """The result of function(), in a thread in the namespace; sockets that it makes stay there."""
        result = []

        def enter():
            with open(self.path, 'rb') as space:
                if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), _CLONE_NEWNET) != 0:
                    result.append(OSError(ctypes.get_errno(), 'setns'))
                    return
            try:
                result.append(function())
            except OSError as error:
                result.append(error)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if not result or isinstance(result[0], OSError):
            raise result[0] if result else Failure('a call in a namespace failed')
        return result[0]

    def end(self):
        self.holder.kill()
        self.holder.wait()


class ThreeHosts(Stack):
    """The three programs, each on its host; `hosts` has client, relay and node."""

    LISTEN, ADDRESS = '0.0.0.0', '10.78.0.1'
    _PLACES = {'adit': 'client', 'adit-relay': 'relay', 'adit-agent': 'node'}

    def __init__(self, bin_folder, folder, io, **options):
        self.hosts = {name: _Host() for name in ('client', 'relay', 'node')}
        self._last = dict.fromkeys(_ADDRESSES, _FIRST)
        relay = self.hosts['relay']
        relay.run('ip', 'address', 'add', f'{self.ADDRESS}/32', 'dev', 'lo')
        for name, pattern in _ADDRESSES.items():
            relay.run('ip', 'link', 'add', f'to-{name}', 'type', 'veth', 'peer', 'name', 'to-relay',
                      'netns', str(self.hosts[name].holder.pid))
            relay.run('ip', 'address', 'add', pattern.format(_GATEWAY) + '/24', 'dev', f'to-{name}')
            relay.run('ip', 'link', 'set', f'to-{name}', 'up')
            self.hosts[name].run('ip', 'link', 'set', 'to-relay', 'up')
            self._take_address(name)
        super().__init__(bin_folder, folder, io, **options)

    def place(self, argv):
        return self.hosts[self._PLACES[os.path.basename(argv[0])]].inside(argv)

    def _take_address(self, name):
        host, pattern = self.hosts[name], _ADDRESSES[name]
        host.run('ip', 'address', 'add', pattern.format(self._last[name]) + '/24', 'dev', 'to-relay')
        self._take_route(name)

    def _take_route(self, name):
        self.hosts[name].run('ip', 'route', 'replace', 'default', 'via', _ADDRESSES[name].format(_GATEWAY))

    def cut_link(self, name):
        """The cable is out; what is sent is lost."""
        self.hosts[name].run('ip', 'link', 'set', 'to-relay', 'down')

    def mend_link(self, name):
        self.hosts[name].run('ip', 'link', 'set', 'to-relay', 'up')
        self._take_route(name)

    def swallow(self, name):
        """Both ends send on, to whom nobody is; neither sees anything but silence. Until mend_swallowing."""
        for host, neighbour, device in self._neighbours(name):
            host.run('ip', 'neighbour', 'replace', neighbour, 'lladdr', _NOBODY, 'dev', device, 'nud', 'permanent')

    def mend_swallowing(self, name):
        for host, neighbour, device in self._neighbours(name):
            host.run('ip', 'neighbour', 'delete', neighbour, 'dev', device)

    def _neighbours(self, name):
        pattern = _ADDRESSES[name]
        return ((self.hosts[name], pattern.format(_GATEWAY), 'to-relay'),
                (self.hosts['relay'], pattern.format(self._last[name]), f'to-{name}'))

    def change_address(self, name):
        """The host's address is gone and another one is there, as in another network."""
        self.hosts[name].run('ip', 'address', 'flush', 'dev', 'to-relay')
        self._last[name] += 1
        self._take_address(name)

    def stop(self):
        super().stop()
        for host in self.hosts.values():
            host.end()
