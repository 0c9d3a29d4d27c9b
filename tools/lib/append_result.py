"""usage: append_result.py FILE NAME OK SECONDS DETAILS-FILE: adds the result of a long test as a line."""

import json
import os
import platform
import subprocess
import sys
import time


def git(*arguments):
    return subprocess.run(['git', *arguments], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


def main():
    path, name, ok, seconds, details_path = sys.argv[1:]
    details = {}
    if os.path.exists(details_path):
        with open(details_path, encoding='utf-8') as file:
            details = json.load(file)
    changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', f':!{path}')
    result = {
        'name': name,
        'commit': git('rev-parse', '--short=12', 'HEAD') + ('-changed' if changed else ''),
        'date': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
        'ok': ok == 'true',
        'seconds': int(seconds),
        'cores': os.cpu_count(),
        'kernel': platform.release(),
        'details': details,
    }
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'a', encoding='utf-8') as file:
        file.write(json.dumps(result) + '\n')


main()
