"""Do clients of AWS's data channel get sessions as from AWS's own service?

Method: a client of that protocol written from its specification (support/plugin_client.py), against a
real relay and agent.
"""

import re

from support.plugin_client import PluginClient, wait_ended
from support.processes import check, check_equal


def test_shell(t):
    """An AWS client's shell has a terminal of the client's size, and says goodbye at its end"""
    client = PluginClient(t.stack).open_session()
    check_equal(client.session_type(), 'Standard_Stream', 'the kind of session')
    check(re.fullmatch(r'\d+\.\d+\.\d+\.\d+', client.request['AgentVersion']), 'four numbers (P15)')
    client.send(b'stty size; echo mark-$((6*7))\n')
    shown = client.wait_for(b'mark-42')
    check(b'40 120' in shown, f'the size at the start: {shown!r}')
    client.resize(90, 20)
    client.wait_acknowledged()
    client.send(b'stty size; echo mark-$((6*8))\n')
    check(b'20 90' in client.wait_for(b'mark-48'), 'the size after a change')
    client.send(b'exit\n')
    closed = client.wait_closed()
    check_equal((closed['MessageType'], closed['SessionId'], closed['SchemaVersion'],
                 closed['Output']),
                ('channel_closed', client.session['SessionId'], 1, ''), 'the last word')
    over = wait_ended(client.api, client.session['SessionId'])
    check_equal(over['Status'], 'Terminated', 'the session')
