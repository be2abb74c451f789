"""Brings the database to this release's schema, under the owner role."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine

from carebed.database import sqlalchemy_url

_MIGRATIONS = Path(__file__).parent.parent / "migrations"


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without a file; `connection` is what the environment runs on."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(owner_url: str) -> None:
    """Run all missing migrations. `owner_url`: `postgresql://...` of the owner role; blocking."""
    engine = create_engine(sqlalchemy_url(owner_url), connect_args={"application_name": "carebed-migrate"})
    try:
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), "head")
    finally:
        engine.dispose()
