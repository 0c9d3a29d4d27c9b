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

    def medians(self):
        """For each name, of each fact the median in the second quarter, and in the last: what a start needs has
        been had by then."""
        quarter = len(self.series) // 4
        if quarter < 2:
            raise Failure(f'too short to say anything: {len(self.series)} notes')
        parts = self.series[quarter:2 * quarter], self.series[-quarter:]
        return {name: {what: [statistics.median(facts[name][index] for facts in part) for part in parts]
                       for index, (what, _) in enumerate(_FACTS)}
                for name in self.series[0] if name != 's'}

    def check_flat(self):
        for name, facts in self.medians().items():
            for what, slack in _FACTS:
                before, after = facts[what]
                check(after <= before * 1.1 + slack, f'{name}: {what} grew from {before} to {after}')
