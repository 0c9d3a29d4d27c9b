"""Either end of a session that is encrypted with a data key, from AWS's public protocol."""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from support.processes import check

_NONCE = 12


class SessionCipher:
    """Payloads of one session: `key` is its data key, 64 bytes; the first half is what the node seals with.
    It is the client's end, or the node's."""

    def __init__(self, key, is_node=False):
        check(len(key) == 64, f'a data key of {len(key)} bytes')
        node, client = AESGCM(key[:32]), AESGCM(key[32:])
        self.own, self.peer = (node, client) if is_node else (client, node)

    def seal(self, plain):
        nonce = os.urandom(_NONCE)
        return nonce + self.own.encrypt(nonce, plain, None)

    def open(self, sealed):
        try:
            return self.peer.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
        except InvalidTag:
            check(False, f'a payload of {len(sealed)} bytes that is not sealed with the data key')


def data_key(api, action, session_id, target):
    """What a client asks of the key service for the machine's action: the key, and its result there."""
    context = {'aws:ssm:SessionId': session_id, 'aws:ssm:TargetId': target}
    result = {'KMSCipherTextHash': None}
    if action.get('Challenge'):
        context['aws:ssm:RandomChallenge'] = action['Challenge']
        result['ChallengeAcknowledgement'] = True
    answer = api.call('TrentService.GenerateDataKey', {'KeyId': action['KMSKeyId'], 'NumberOfBytes': 64,
                                                       'EncryptionContext': context})
    check(answer.status == 200, f'GenerateDataKey: {answer}')
    result['KMSCipherTextKey'] = answer.json()['CiphertextBlob']
    return base64.b64decode(answer.json()['Plaintext']), result
