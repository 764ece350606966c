"""Where a broker is, and what passes between it and us; nothing here knows a library."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from daemon.errors import ConfigError
from daemon.settings.models import MqttSettings


class BrokerLost(Exception):
    """The connection failed or ended; it is tried again."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and who we are there."""

    host: str
    port: int = 1883
    client_id: str | None = None
    username: str | None = None
    password_file: str | None = None
    tls_ca_file: str | None = None

    @classmethod
    def of(cls, settings: MqttSettings, client_id: str | None = None) -> "Broker":
        """Return the broker of a configuration."""
        return cls(
            settings.host,
            settings.port,
            client_id,
            settings.username,
            settings.password_file,
            settings.tls_ca_file,
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def password(self) -> str | None:
        """Return the password from its file; raise ConfigError when it cannot be read."""
        if self.password_file is None:
            return None
        try:
            return Path(self.password_file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"mqtt.password_file: {self.password_file}: {error}"]) from error

    def tls(self) -> ssl.SSLContext | None:
        """Return what encrypts the connection, if anything; raise ConfigError."""
        if self.tls_ca_file is None:
            return None
        try:
            return ssl.create_default_context(cafile=self.tls_ca_file)
        except OSError as error:
            raise ConfigError([f"mqtt.tls_ca_file: {self.tls_ca_file}: {error}"]) from error


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came; ``expires_s`` is what was left of its life then."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None
    expires_s: float | None = None


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone; retained, QoS 1."""

    topic: str
    payload: bytes
