"""A machine with the address of another, as a copied disk or virtual machine comes up: a process in a network
namespace of its own, where that address is free, whose streams to its peers leave under that very address.

    copied_machine.py ADDRESS PORT PEER... -- COMMAND...

PORT of each PEER is carried, byte by byte, between the two namespaces. Nobody reaches the command from outside, as
where two machines have one address and the network has learned the other one. It ends as the command does.
Needs root and iproute2.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def carry(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def join(inner, address, peer):
    try:
        outer = socket.create_connection(peer, timeout=5, source_address=(address, 0))
    except OSError:
        inner.close()
        return
    outer.settimeout(None)
    threading.Thread(target=carry, args=(outer, inner), daemon=True).start()
    carry(inner, outer)


def serve(listener, address, peer):
    while True:
        inner, _ = listener.accept()
        threading.Thread(target=join, args=(inner, address, peer), daemon=True).start()


def main():
    end = sys.argv.index("--")
    address, port, *peers = sys.argv[1:end]
    outside = os.open("/proc/self/ns/net", os.O_RDONLY)
    call(LIBC.unshare, CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    listeners = [(peer, socket.create_server((peer, int(port)))) for peer in peers]
    process = subprocess.Popen(sys.argv[end + 1:])
    # Threads and sockets to come are of the namespace that this one is in.
    call(LIBC.setns, outside, CLONE_NEWNET)
    for peer, listener in listeners:
        arguments = (listener, address, (peer, int(port)))
        threading.Thread(target=serve, args=arguments, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    sys.exit(process.wait())


if __name__ == "__main__":
    main()
