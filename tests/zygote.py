"""Trainings without the import of torch: a process that has it forks one for each client.

``python zygote.py SOCKET`` serves; ``python zygote.py SOCKET OVERRIDE...`` is a client, which stands for
``python -m qd_pix2pix.cli train OVERRIDE...``: the same output, signals and exit status.
"""

import json
import os
import resource
import signal
import socket
import sys
import traceback


def client(path, words):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(path)
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        asked = {"words": words, "folder": os.getcwd(), "environment": dict(os.environ), "limit": limit}
        signals = (signal.SIGINT, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        socket.send_fds(server, [json.dumps(asked).encode()], [1, 2])
        pid = int(server.recv(100))
        for number in signals:
            signal.signal(number, lambda number, _: os.kill(pid, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        status = int(server.recv(100))
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
        os.kill(os.getpid(), -status)
    sys.exit(status)


def serve(path):
    import qd_pix2pix.sweeps.run  # noqa: F401, and with it torch and Lightning

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(path)
        server.listen()
        while True:
            asking, _ = server.accept()
            if os.fork() == 0:
                server.close()
                keep(asking, path)
            asking.close()


def keep(asking, path):
    """Fork the training, pass its pid on, and its status when it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, streams, *_ = socket.recv_fds(asking, 1 << 20, 2)
    pid = os.fork()
    if pid == 0:
        asking.close()
        train(json.loads(message), streams, path)
    asking.send(str(pid).encode())
    asking.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
    os._exit(0)


def train(asked, streams, path):
    from qd_pix2pix import cli
    from qd_pix2pix.sweeps import work

    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, asked["limit"])
    work.COMMAND = (sys.executable, __file__, path)  # where this is a sweep
    sys.argv = ["train.py", *asked["words"]]
    code = 0
    try:
        cli.train()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        client(sys.argv[1], sys.argv[2:])
    serve(sys.argv[1])
