#!/usr/bin/python3
"""An independent ZeroMQ client that a test drives line by line.

Commands come on stdin, one JSON list a line; each is answered by one line:

  ["open", NAME, TYPE, ENDPOINT]            null; TYPE: REQ DEALER SUB ...
  ["open", NAME, TYPE, ENDPOINT, IDENTITY]
  ["open_lazy", NAME, TYPE, ENDPOINT]       null; takes little before "recv"
  ["subscribe", NAME, PREFIX]               null
  ["send", NAME, [FRAME, ...]]              null
  ["recv", NAME, SECONDS]                   [FRAME, ...], null: nothing came
  ["close", NAME]                           null

Frames, prefixes and identities are written in hexadecimal.
"""

import json
import sys

import zmq

context = zmq.Context()
sockets = {}


def do_open(name, kind, endpoint, identity=None, lazy=False):
    socket = context.socket(getattr(zmq, kind))
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, 0)
    if identity is not None:
        socket.setsockopt(zmq.IDENTITY, bytes.fromhex(identity))
    if lazy:
        socket.setsockopt(zmq.RCVHWM, 1)
        socket.setsockopt(zmq.RCVBUF, 4096)
    socket.connect(endpoint)
    sockets[name] = socket


def do_open_lazy(name, kind, endpoint):
    do_open(name, kind, endpoint, lazy=True)


def do_subscribe(name, prefix):
    sockets[name].setsockopt(zmq.SUBSCRIBE, bytes.fromhex(prefix))


def do_send(name, frames):
    sockets[name].send_multipart([bytes.fromhex(f) for f in frames])


def do_recv(name, seconds):
    if not sockets[name].poll(int(seconds * 1000)):
        return None
    return [f.hex() for f in sockets[name].recv_multipart()]


def do_close(name):
    sockets.pop(name).close()


def main():
    for line in sys.stdin:
        verb, *args = json.loads(line)
        answer = globals()["do_" + verb](*args)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    for socket in sockets.values():
        socket.close()
    context.term()


main()
