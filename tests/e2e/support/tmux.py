"""A real terminal with a screen: tmux on a socket of its own, without a configuration."""

import os
import re
import subprocess

from support.processes import wait_until


class Tmux:
    def __init__(self, folder, env, columns=80, rows=24):
        self._socket = os.path.join(folder, 'tmux-socket')
        self._env = env | {'TERM': 'xterm-256color'}
        self._call('-f', '/dev/null', 'new-session', '-d', '-x', str(columns), '-y', str(rows),
                   "exec env PS1='local> ' bash --norc --noprofile")
        # Without a client attached, the window has the size it is told.
        self._call('set-option', '-g', 'window-size', 'manual')
        self.wait_for(r'local>$')

    def _call(self, *arguments):
        return subprocess.run(['tmux', '-S', self._socket, *arguments], env=self._env, timeout=10,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout.decode()

    def type(self, text, *keys):
        """Types the text as it is, then keys by tmux's names, such as Enter or C-c."""
        if text:
            self._call('send-keys', '-l', text)
        if keys:
            self._call('send-keys', *keys)

    def screen(self, escapes=False):
        """The visible lines; with escapes, colours stay in them."""
        return self._call('capture-pane', '-p', *(['-e'] if escapes else []))

    def wait_for(self, pattern, seconds=10):
        """Waits until the screen, without the blanks at its end, matches; returns the match."""
        shown = ['']

        def look():
            shown[0] = self.screen().rstrip()
            return re.search(pattern, shown[0])
        try:
            return wait_until(look, seconds, '')
        except Exception as late:
            raise type(late)(f'{pattern!r} was not on the screen within {seconds} s; it shows '
                             f'{shown[0][-400:]!r}') from None

    def resize(self, columns, rows):
        self._call('resize-window', '-x', str(columns), '-y', str(rows))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(['tmux', '-S', self._socket, 'kill-server'], env=self._env, timeout=10,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
