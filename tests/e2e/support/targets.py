"""What small servers behind a forwarded port do with a connection; for TcpServer."""

import socket


def echo(connection):
    """Sends everything back, then finishes."""
    while True:
        data = connection.recv(65536)
        if not data:
            break
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def sink(connection):
    """Reads to the end, then answers with the number of bytes as 8 bytes."""
    total = 0
    buffer = bytearray(1 << 20)
    while True:
        size = connection.recv_into(buffer)
        if not size:
            break
        total += size
    connection.sendall(total.to_bytes(8, 'big'))


def receive_exactly(connection, size):
    data = b''
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError(f'closed after {len(data)} of {size} bytes')
        data += piece
    return data
