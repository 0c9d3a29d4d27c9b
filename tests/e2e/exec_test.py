"""Does `adit exec` behave like ssh with a command?

Method: run commands on the node and look at bytes, exit status and what is left running.
"""

import hashlib
import json
import os
import signal
import subprocess
import threading
import time

from support import proc_facts
from support.processes import check, check_equal, wait_until


def _marker(name):
    """An odd number of seconds to sleep: finds the process again among all of the machine's."""
    return f'{1000 + os.getpid() % 1000}.{time.monotonic_ns() % 1_000_000_000}{len(name)}'


def test_exit_status(t):
    """The exit status is the remote's"""
    for status in (0, 1, 7, 255):
        done = t.stack.exec('sh', '-c', f'exit {status}')
        check_equal(done.returncode, status, f'exit {status} ({done.stderr!r})')


def test_signal_is_128_plus_n(t):
    """A program that a signal ends gives 128 + n"""
    check_equal(t.stack.exec('sh', '-c', 'kill -9 $$').returncode, 137, 'kill -9')
    check_equal(t.stack.exec('sh', '-c', 'kill -15 $$').returncode, 143, 'kill -15')


def test_arguments_arrive_as_they_are(t):
    """Arguments arrive as they are: blanks, quotes, nothing, line ends, UTF-8"""
    arguments = ['a b', "it's", '"', '', 'line\nend', '$HOME `id` \\', '*', 'é漢🙂', '-x', ';']
    done = t.stack.exec('printf', '[%s]', *arguments)
    check_equal(done.stdout.decode(), ''.join(f'[{a}]' for a in arguments), 'arguments')


def test_stdout_and_stderr_arrive_apart(t):
    """Standard output and standard error arrive apart, and nothing of ours is among them"""
    done = t.stack.exec('sh', '-c', 'echo out; echo err >&2; echo out2; echo err2 >&2')
    check_equal((done.stdout, done.stderr), (b'out\nout2\n', b'err\nerr2\n'), 'outputs')


def test_both_outputs_in_full(t):
    """Ten megabytes on each output arrive in full"""
    size = 10_000_000
    done = t.stack.exec('sh', '-c', f'head -c {size} /dev/zero >&2 & head -c {size} /dev/zero; wait')
    check_equal((done.returncode, len(done.stdout), len(done.stderr)), (0, size, size), 'sizes')


def test_bulk_has_the_same_hash(t):
    """Random bytes through `cat` come back with the same hash"""
    size = t.size(64 << 20, 1 << 30)
    sent, received = hashlib.sha256(), hashlib.sha256()
    process = t.stack.popen('exec', t.stack.NODE, '--', 'cat')

    def feed():
        left = size
        while left:
            piece = os.urandom(min(left, 1 << 20))
            sent.update(piece)
            process.stdin.write(piece)
            left -= len(piece)
        process.stdin.close()

    start = time.monotonic()
    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    count = 0
    while piece := process.stdout.read1(1 << 20):
        received.update(piece)
        count += len(piece)
    feeder.join(5)
    check_equal((process.wait(10), count), (0, size), f'status and size ({process.stderr.read()!r})')
    check_equal(received.hexdigest(), sent.hexdigest(), 'hash')
    seconds = time.monotonic() - start
    t.note(f'{size >> 20} MiB there and back in {seconds:.1f} s, {size / seconds / 1e6:.0f} MB/s each way')


test_bulk_has_the_same_hash.limit = 60


def test_empty_input_ends_the_command(t):
    """With < /dev/null, a command that reads its input ends"""
    check_equal(t.stack.exec('sh', '-c', 'cat; echo done').stdout, b'done\n', 'output')


def test_input_is_half_closed(t):
    """The end of the input reaches the command, which goes on to answer"""
    done = t.stack.exec('sh', '-c', 'wc -c; sleep 0.2; echo after', input=b'x' * 100_000)
    check_equal(done.stdout.split(), [b'100000', b'after'], 'output')


def test_command_that_does_not_read(t):
    """A command that ends without reading its input ends the client, too"""
    process = t.stack.popen('exec', t.stack.NODE, '--', 'sh', '-c', 'exit 3')
    check_equal(process.wait(10), 3, 'status while the input is open')
    done = t.stack.exec('true', input=b'x' * 8_000_000)
    check_equal(done.returncode, 0, f'status with unread input ({done.stderr!r})')


def test_there_is_no_terminal(t):
    """There is no terminal unless one is asked for"""
    done = t.stack.exec('sh', '-c', 'tty; test -t 1 || echo pipe')
    check_equal(done.stdout, b'not a tty\npipe\n', 'output')


def test_closed_stdout(t):
    """When our output is closed, client and remote program end"""
    text = _marker('closed')
    process = t.stack.popen('exec', t.stack.NODE, '--', 'sh', '-c', f': {text}; yes')
    process.stdout.read(10_000)
    process.stdout.close()
    check_equal(process.wait(10), 128 + signal.SIGPIPE, 'status, as of a program that SIGPIPE ended')
    wait_until(lambda: not proc_facts.processes_with(text), 10, 'the remote program ends')


def test_closed_stdout_of_a_list(t):
    """A list that nobody reads ends without a word, as of SIGPIPE; one that finds no room says so"""
    for command in (('nodes',), ('--help',), ('audit', 'tail')):
        reader, writer = os.pipe()
        os.close(reader)
        process = t.stack.popen(*command, stdout=writer, stdin=subprocess.DEVNULL)
        os.close(writer)
        check_equal((process.communicate(timeout=20)[1], process.returncode), (b'', 128 + signal.SIGPIPE),
                    f'{command} without a reader')
        with open('/dev/full', 'wb') as full:
            process = t.stack.popen(*command, stdout=full, stdin=subprocess.DEVNULL)
        text = process.communicate(timeout=20)[1]
        check_equal(process.returncode, 255, f'{command} on a full disk')
        check(b'No space left' in text, f'{text!r}')


def test_interrupt(t):
    """SIGINT to the client ends both it and the remote program"""
    text = _marker('interrupt')
    process = t.stack.popen('exec', t.stack.NODE, '--', 'sh', '-c', f'echo ready; sleep {text}')
    process.stdout.readline()
    wait_until(lambda: proc_facts.processes_running('sleep ' + text), 5, 'sleep runs')
    process.send_signal(signal.SIGINT)
    check_equal(process.wait(10), 128 + signal.SIGINT, 'status, as the remote program ended')
    wait_until(lambda: not proc_facts.processes_with('sleep ' + text), 10, 'the remote program ends')


def test_hangup(t):
    """A client whose terminal is gone takes the remote program with it; one that was told to stay, by nohup, stays"""
    for ignored in (False, True):
        text = _marker('hangup')
        process = t.stack.popen('exec', t.stack.NODE, '--', 'sh', '-c', f'echo ready; sleep {text}',
                                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN) if ignored else None)
        process.stdout.readline()
        wait_until(lambda: proc_facts.processes_running('sleep ' + text), 5, 'sleep runs')
        process.send_signal(signal.SIGHUP)
        if ignored:
            check_equal(t.stack.exec('echo', 'meanwhile').stdout, b'meanwhile\n', 'another command')
            check(process.poll() is None, 'it did not stay')
            process.send_signal(signal.SIGTERM)
            check_equal(process.wait(10), 128 + signal.SIGTERM, 'status')
        else:
            check_equal(process.wait(10), -signal.SIGHUP, 'how it ended')
        wait_until(lambda: not proc_facts.processes_with('sleep ' + text), 10, 'the remote program ends')


def test_killed_client_leaves_nothing(t):
    """A client that is killed, and would not come again, leaves no process on the node, even one that ignores SIGHUP"""
    text = _marker('killed')
    process = t.stack.popen('exec', t.stack.NODE, '--', 'sh', '-c',
                            f"trap '' HUP; echo ready; sleep {text}; sleep {text}",
                            env=t.stack.environment() | {'ADIT_PATIENCE': '0'})
    process.stdout.readline()
    wait_until(lambda: proc_facts.processes_running('sleep ' + text), 5, 'sleep runs')
    process.kill()
    process.wait(5)
    wait_until(lambda: not proc_facts.processes_with(text), 10, 'the process group is gone')


def test_command_not_found(t):
    """A command that does not exist gives 127 and says so"""
    done = t.stack.exec('no-such-command-here')
    check_equal(done.returncode, 127, f'status ({done.stderr!r})')
    check(b'no-such-command-here' in done.stderr, f'the name is not in {done.stderr!r}')
    check_equal(done.stdout, b'', 'output')
    check(b'sh -c' not in done.stderr, f'advice that does not fit: {done}')
    done = t.stack.exec('ls -la')
    check_equal(done.returncode, 127, f'status ({done.stderr!r})')
    check(f"adit exec {t.stack.NODE} -- sh -c 'ls -la'".encode() in done.stderr, f'no advice: {done}')


def test_background_child(t):
    """A child left in the background with its own outputs does not hold the client"""
    text = _marker('child')
    start = time.monotonic()
    done = t.stack.exec('sh', '-c', f'sleep {text} > /dev/null 2>&1 < /dev/null & echo started')
    check_equal((done.returncode, done.stdout), (0, b'started\n'), 'result')
    check(time.monotonic() - start < 5, 'it took too long')
    for pid in proc_facts.processes_with('sleep ' + text):
        os.kill(pid, signal.SIGKILL)


def test_many_at_once(t):
    """Many commands at once each get their own answer"""
    count = t.size(12, 50)
    processes = [t.stack.popen('exec', t.stack.NODE, '--', 'sh', '-c', f'sleep 0.1; echo {i}; exit {i}',
                               stdin=subprocess.DEVNULL) for i in range(count)]
    for i, process in enumerate(processes):
        out, err = process.communicate(timeout=30)
        check_equal((process.returncode, out), (i, f'{i}\n'.encode()), f'command {i} ({err!r})')


def test_no_descriptor_is_inherited(t):
    """A command has no descriptor but its three, and a process group of its own"""
    done = t.stack.exec('sh', '-c', 'ls /proc/self/fd; ps -o pgid= -p $$; echo $$')
    words = done.stdout.decode().split()
    # `ls` itself opens the folder as 3.
    check_equal(words[:4], ['0', '1', '2', '3'], f'descriptors in {words}')
    check_equal(words[4], words[5], 'process group')


def test_runs_as_the_user(t):
    """As root the agent runs commands as the user adit, otherwise as itself"""
    done = t.stack.exec('id', '-un')
    wanted = 'adit' if os.geteuid() == 0 else subprocess.check_output(['id', '-un']).decode().strip()
    check_equal(done.stdout.decode().strip(), wanted, 'user')


def test_unknown_node(t):
    """A node that does not exist gives 255, names it and says what to do"""
    done = t.stack.adit('exec', 'no-such-node', '--', 'true')
    check_equal(done.returncode, 255, 'status')
    check(b'no-such-node' in done.stderr and b'adit nodes' in done.stderr,
          f'not a helpful text: {done.stderr!r}')


def test_lists_have_json(t):
    """`adit nodes --json` and `adit sessions --json` print JSON, and a session can be terminated"""
    process = t.stack.popen('exec', t.stack.NODE, '--', 'sh', '-c', 'echo ready; sleep 60')
    process.stdout.readline()
    nodes = [json.loads(line) for line in t.stack.adit('nodes', '--json').stdout.splitlines()]
    check(nodes, 'no node is listed')
    done = t.stack.adit('sessions', '--json')
    sessions = [json.loads(line) for line in done.stdout.splitlines()]
    check(len(sessions) == 1, f'one session is wanted: {done.stdout!r} {done.stderr!r}')
    check_equal(sessions[0]['node_name'], t.stack.NODE, 'the node of the session')
    done = t.stack.adit('terminate', sessions[0]['id'])
    check_equal(done.returncode, 0, f'terminate ({done.stderr!r})')
    check_equal(process.wait(10), 255, 'the client of a terminated session')
    check(process.stderr.read(), 'the client does not say why it ended')

