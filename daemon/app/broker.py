"""The broker as instruments see it: one connection, shared by all that publish through it."""

from collections.abc import Callable
from pathlib import Path

from daemon.errors import ConfigError
from daemon.settings.models import MqttSettings
from drivers.mqtt import BrokerLink, MqttPort


def instrument_links(settings: MqttSettings) -> Callable[[str], MqttPort]:
    """Return what makes the link of an instrument; raise ConfigError for an unreadable secret."""
    link = BrokerLink(
        settings.host,
        settings.port,
        username=settings.username,
        password=password_of(settings),
        tls_ca_file=Path(settings.tls_ca_file) if settings.tls_ca_file else None,
    )
    return lambda port: MqttPort(link, port)


def password_of(settings: MqttSettings) -> str | None:
    """Return the password of the broker, from its file."""
    if settings.password_file is None:
        return None
    try:
        return Path(settings.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"mqtt.password_file: cannot be read: {error}"]) from None
