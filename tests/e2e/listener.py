"""A server of a test's own."""
import socket
import threading


class Listener:
    """Serves each connection in a thread until it is closed."""

    def __init__(self, address="127.0.0.1", port=0):
        self.socket = socket.create_server((address, port))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            connection.settimeout(10)
            try:
                self.serve(connection)
            except (OSError, AssertionError):
                pass  # who asked has left, or did not say what was expected

    def close(self):
        """Not while its thread accepts: the descriptor may be another's by then."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.socket.close()
