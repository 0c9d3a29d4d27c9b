"""A kernel that says no to io_uring, for one process and its children."""

import ctypes
import struct

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_IO_URING_SETUP = 425  # The same number on every architecture.
_EPERM = 1


def deny_io_uring():
    """For subprocess's preexec_fn: io_uring_setup fails with EPERM from here on."""
    instructions = [
        (0x20, 0, 0, 0),                        # Load the system call's number.
        (0x15, 0, 1, _IO_URING_SETUP),          # Is it io_uring_setup?
        (0x06, 0, 0, 0x00050000 | _EPERM),      # Yes: an error,
        (0x06, 0, 0, 0x7FFF0000),               # no: go on.
    ]
    code = b''.join(struct.pack('HBBI', *instruction) for instruction in instructions)
    filter_bytes = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = [('length', ctypes.c_ushort), ('filter', ctypes.c_void_p)]

    program = Program(len(instructions), ctypes.addressof(filter_bytes))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), 'PR_SET_NO_NEW_PRIVS')
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), 'PR_SET_SECCOMP')
