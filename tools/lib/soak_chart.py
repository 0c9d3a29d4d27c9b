#!/usr/bin/env python3
"""usage: soak_chart.py RESULTS.jsonl CHART.svg: draws the last soak's memory, descriptors and threads."""

import json
import sys

_WIDTH, _HEIGHT, _LEFT, _GAP = 720, 120, 70, 40
_COLOURS = {'relay': '#1f77b4', 'agent': '#d62728', 'client': '#2ca02c', 'inspected': '#9467bd'}


def panel(top, title, series, index, scale):
    """One chart: a line for each program."""
    end = max(facts['s'] for facts in series) or 1
    most = max(facts[name][index] for facts in series for name in _COLOURS) / scale or 1
    yield f'<text x="{_LEFT}" y="{top - 6}">{title}</text>'
    yield f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#999"/>'
    yield f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end">{most:.0f}</text>'
    yield f'<text x="{_LEFT - 6}" y="{top + _HEIGHT}" text-anchor="end">0</text>'
    for name, colour in _COLOURS.items():
        points = ' '.join(f'{_LEFT + _WIDTH * facts["s"] / end:.1f},'
                          f'{top + _HEIGHT * (1 - facts[name][index] / scale / most):.1f}' for facts in series)
        yield f'<polyline points="{points}" fill="none" stroke="{colour}"/>'


def main():
    results, chart = sys.argv[1:]
    with open(results, encoding='ascii') as file:
        last = json.loads(file.readlines()[-1])
    lines = []
    for i, (title, scale) in enumerate((('memory, MiB', 1024), ('descriptors', 1), ('threads', 1))):
        lines += panel(30 + i * (_HEIGHT + _GAP), title, last['series'], i, scale)
    bottom = 30 + 3 * (_HEIGHT + _GAP)
    for i, (name, colour) in enumerate(_COLOURS.items()):
        lines.append(f'<text x="{_LEFT + i * 90}" y="{bottom}" fill="{colour}">{name}</text>')
    lines.append(f'<text x="{_LEFT + 300}" y="{bottom}">{last["seconds"]} s, {last["date"]}, seed {last["seed"]}</text>')
    with open(chart, 'w', encoding='ascii') as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 20}" height="{bottom + 15}" '
                   'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
                   + '\n'.join(lines) + '\n</svg>\n')


main()
