"""Pings hosts, with nothing but ctypes: python3 ping.py liballears.so.1 HOST..."""
import ctypes
import sys


class Result(ctypes.Structure):
    _fields_ = [("tag", ctypes.c_uint64), ("target", ctypes.c_void_p), ("target_length", ctypes.c_uint32),
                ("outcome", ctypes.c_int32), ("attempts", ctypes.c_uint32), ("foreign_source_length", ctypes.c_uint32),
                ("foreign_source", ctypes.c_void_p), ("rtt_ns", ctypes.c_int64), ("system_error", ctypes.c_int32),
                ("icmp_type", ctypes.c_int16), ("icmp_code", ctypes.c_int16), ("reply", ctypes.c_void_p),
                ("reply_length", ctypes.c_size_t), ("reason", ctypes.c_char_p)]


lib, hosts, handle, result = ctypes.CDLL(sys.argv[1]), sys.argv[2:], ctypes.c_void_p(), Result()
lib.allears_pending.restype = ctypes.c_int64
assert lib.allears_new(ctypes.byref(handle)) == 0 and lib.allears_open_raw(handle, b"????????ping", 12, 0, 8) == 0
for number, host in enumerate(hosts):
    assert lib.allears_ask_text(handle, host.encode(), ctypes.c_uint64(number)) == 0
while lib.allears_pending(handle) > 0:
    lib.allears_run(handle, ctypes.c_int64(-1))
    while lib.allears_next(handle, ctypes.byref(result), ctypes.c_size_t(ctypes.sizeof(result))) == 0:
        print(hosts[result.tag], result.reason or ctypes.string_at(result.reply, result.reply_length)[8:])
lib.allears_free(ctypes.byref(handle))
