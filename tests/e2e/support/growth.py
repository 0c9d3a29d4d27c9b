"""Memory, descriptors and threads of processes, noted again and again: did any of them grow?"""

import os
import statistics
import time

from support import proc_facts
from support.processes import Failure, check

_MEMORY_SLACK_KIB = 8 << 10
_FEW = 8  # Descriptors and threads that come and go with what runs at the moment.
_FACTS = (('KiB of memory', _MEMORY_SLACK_KIB), ('descriptors', _FEW), ('threads', _FEW))


class Growth:
    """`series` has a dictionary for each note: `s`, and for each name the three facts."""

    def __init__(self):
        self.series = []
        self._start = time.monotonic()

    def note(self, **processes):
        """Notes what each of these holds; after a restart another process may go under the same name."""
        facts = {'s': round(time.monotonic() - self._start)}
        for name, process in processes.items():
            facts[name] = [proc_facts.memory_bytes(process.pid) >> 10, proc_facts.descriptor_count(process.pid),
                           len(os.listdir(f'/proc/{process.pid}/task'))]
        self.series.append(facts)

    def medians(self, name, start=0):
        """Of each fact of `name` after `start` (0 is the first note, 1 the last) the median in the second quarter, and
        in the last: what a beginning needs has been had by then."""
        begin = start * self.series[-1]['s'] if self.series else 0
        series = [facts[name] for facts in self.series if facts['s'] >= begin]
        quarter = len(series) // 4
        if quarter < 2:
            raise Failure(f'too short to say anything of {name}: {len(series)} notes')
        parts = series[quarter:2 * quarter], series[-quarter:]
        return {what: [statistics.median(facts[index] for facts in part) for part in parts]
                for index, (what, _) in enumerate(_FACTS)}

    def check_flat(self, name, start=0):
        medians = self.medians(name, start)
        for what, slack in _FACTS:
            before, after = medians[what]
            check(after <= before * 1.1 + slack, f'{name}: {what} grew from {before} to {after}')
