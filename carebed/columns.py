"""Column makers that many tables share, so that the same thing looks the same everywhere."""

from typing import Any

from sqlalchemy import Column, DateTime, ForeignKey, Text, Uuid, text


def uuid_key() -> Column[Any]:
    """Primary key `id`: a UUID made in Python (`carebed.ids.new_id`)."""
    return Column("id", Uuid, primary_key=True)


def instant(name: str, *, required: bool = False, comment: str | None = None) -> Column[Any]:
    """An aware point in time, UTC."""
    return Column(name, DateTime(timezone=True), nullable=not required, comment=comment)


def recorded(name: str = "created_at", *, comment: str | None = None) -> Column[Any]:
    """When the row was written, by the database clock."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=text("carebed_now()"), comment=comment)


def label(name: str, *, required: bool = True) -> Column[Any]:
    """A text."""
    return Column(name, Text, nullable=not required)


def refers(name: str, target: str, *, required: bool = True, index: bool = False) -> Column[Any]:
    """A foreign key to `target` (`table.column`)."""
    return Column(name, ForeignKey(target), nullable=not required, index=index)
