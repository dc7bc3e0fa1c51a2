"""A PostgreSQL server of the tests' own."""

import signal
import subprocess
import time

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError


class PostgreSql:
    """``programs``: folder of its programs; ``folder``: of its data and socket; ``user``: whose process it is."""

    def __init__(self, programs: str, folder: str, user: str | None) -> None:
        self.url = f"postgresql+psycopg://test@/postgres?host={folder}"
        init = [f"{programs}/initdb", "-D", f"{folder}/data", "-U", "test", "-A", "trust", "--no-sync"]
        subprocess.run(init, user=user, cwd=folder, check=True, capture_output=True)
        settings = ["listen_addresses=", f"unix_socket_directories={folder}", "fsync=off"]
        self._command = [f"{programs}/postgres", "-D", f"{folder}/data", *(p for s in settings for p in ("-c", s))]
        self._place = {"user": user, "cwd": folder}
        self._start()

    def _start(self) -> None:
        self._server = subprocess.Popen(self._command, **self._place, stderr=subprocess.DEVNULL)
        engine = create_engine(self.url)
        while self._server.poll() is None:
            try:
                engine.connect().close()
            except OperationalError:
                time.sleep(0.02)
            else:
                engine.dispose()
                return
        raise RuntimeError("PostgreSQL did not start")

    def stop(self, number: int = signal.SIGTERM) -> None:
        self._server.send_signal(number)
        self._server.wait()

    def restart(self) -> None:
        """As after a crash: nothing is closed properly."""
        self.stop(signal.SIGQUIT)
        self._start()
