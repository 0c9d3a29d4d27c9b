"""What /proc tells about a process: descriptors, memory, children, listening ports."""

import collections
import ctypes
import os
import struct

PAGE = os.sysconf('SC_PAGE_SIZE')


def descriptors(pid):
    """The targets of the process's open descriptors, as a list of link texts."""
    folder = f'/proc/{pid}/fd'
    targets = []
    for name in os.listdir(folder):
        try:
            targets.append(os.readlink(f'{folder}/{name}'))
        except FileNotFoundError:  # Closed between the two calls.
            pass
    return targets


def descriptor_count(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def pipe_end_count(pid):
    return sum(target.startswith('pipe:') for target in descriptors(pid))


def turns_ns(pid):
    """How many of the process's threads have turns of which length (sched_attr::sched_runtime); 0 before Linux 6.12."""
    sched_getattr = 315  # Of x86-64; the C library has no wrapper.
    turns = collections.Counter()
    for thread in os.listdir(f'/proc/{pid}/task'):
        attributes = ctypes.create_string_buffer(struct.pack('<II40x', 48, 0), 48)
        if ctypes.CDLL(None).syscall(sched_getattr, int(thread), attributes, 48, 0) == 0:
            turns[struct.unpack_from('<Q', attributes, 24)[0]] += 1
    return turns


def memory_bytes(pid):
    """Resident memory that is the process's own: anonymous and shared-anonymous pages."""
    total = 0
    with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as status:
        for line in status:
            if line.startswith(('RssAnon:', 'RssShmem:')):
                total += int(line.split()[1]) * 1024
    return total


def is_alive(pid):
    """False also of one that has ended and that nobody has waited for."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as stat:
            return stat.read().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_by_parent():
    """A map of every parent's process id to its children's."""
    children = {}
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open(f'/proc/{name}/stat', encoding='ascii', errors='replace') as stat:
                fields = stat.read().rpartition(')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(name))
    return children


def descendants(pid):
    """Every process below `pid`, nearest first."""
    children = children_by_parent()
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(0), []):
            found.append(child)
            todo.append(child)
    return found


def command_line(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as file:
            return file.read().replace(b'\0', b' ').decode(errors='replace').strip()
    except (FileNotFoundError, ProcessLookupError):
        return ''


def processes_with(text):
    """The ids of the processes whose command line contains `text`, this one excepted."""
    pids = (int(name) for name in os.listdir('/proc') if name.isdigit())
    return [pid for pid in pids if pid != os.getpid() and text in command_line(pid)]


def processes_running(text):
    """The ids of the processes whose command line begins with `text`."""
    return [pid for pid in processes_with(text) if command_line(pid).startswith(text)]


def is_listening(port, pid='self'):
    """True when some process in the network of `pid` listens on this TCP port; nothing is connected for
    the question."""
    for table in (f'/proc/{pid}/net/tcp', f'/proc/{pid}/net/tcp6'):
        try:
            with open(table, encoding='ascii') as file:
                next(file)
                for line in file:
                    fields = line.split()
                    if fields[3] == '0A' and int(fields[1].rpartition(':')[2], 16) == port:
                        return True
        except FileNotFoundError:
            pass
    return False


def connection_count(pid, port):
    """How many established connections the process has to this TCP port."""
    own = set(descriptors(pid))
    count = 0
    for table in ('/proc/net/tcp', '/proc/net/tcp6'):
        with open(table, encoding='ascii') as file:
            next(file)
            for line in file:
                fields = line.split()
                is_there = fields[2].endswith(f':{port:04X}') and fields[3] == '01'
                count += is_there and f'socket:[{fields[9]}]' in own
    return count
