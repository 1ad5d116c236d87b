"""A way to a relay on which large pieces get lost.

Prints its port. It passes small pieces of a client on; from the first large one on it takes no
more. Its receive buffer is small, so the client's system sees that nothing gets through.
"""

import os
import socket
import sys
import threading

SMALL = 1400  # bytes, about what a packet holds
BUFFER = 4096  # bytes


def copy(source: socket.socket, goal: socket.socket, most: float) -> None:
    try:
        while (piece := source.recv(65536)) and len(piece) <= most:
            goal.sendall(piece)
        if piece:
            return  # in the hole: the line stays, and nothing is read any more
        goal.close()
    except OSError:
        pass


server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
server.bind(("127.0.0.1", 0))
server.listen()
os.write(1, b"%d\n" % server.getsockname()[1])
lines = []
while True:
    client, _ = server.accept()
    relay = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    lines.append((client, relay))
    for pair in ((client, relay, SMALL), (relay, client, float("inf"))):
        threading.Thread(target=copy, args=pair, daemon=True).start()
