"""A care station: its desk answers for the homes in its charge, day and night."""

from sqlalchemy import Table

from carebed.columns import label, recorded, refers, uuid_key
from carebed.database import metadata

station = Table(
    "station",
    metadata,
    uuid_key(),
    label("name"),
    refers("area_code", "area.code", index=True),
    label("telephone", required=False),
    recorded(),
    comment="care stations; the desk of the highest one in the tree also answers for what belongs to no home",
)
