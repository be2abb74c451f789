"""The shapes of people: who is signed in, and how somebody is reached."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.shape import Shape


class Tokens(Shape):
    """RFC 6749. `expires_in`: seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]
    expires_in: int


class Role(StrEnum):
    """What a person may do."""

    CAREGIVER = "caregiver"
    OPERATOR = "operator"
    MANAGER = "manager"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    NEIGHBOUR = "neighbour"
    VOLUNTEER = "volunteer"
    FAMILY = "family"


class Me(Shape):
    """Who is signed in. `area`: 12-digit area code; everything below it is in view."""

    id: UUID
    login: str
    name: str
    role: Role
    area: str
    area_name: str


class ContactMethod(Shape):
    """A way to reach a person. `verified`: it counts as verified now; a method that does not is tried last or, if it
    never was, not at all."""

    id: UUID
    staff: UUID
    channel: str
    address: str
    rank: int
    wait_s: int
    verified: bool
    verified_at: datetime | None
    delivered_at: datetime | None = Field(description="the last delivery that was confirmed")
    failed_at: datetime | None = Field(description="when the provider last said that nothing can be delivered there")
    failures: int
    created_at: datetime


class ContactMethodPage(Shape):
    """A person's methods, in the order in which they are tried."""

    items: list[ContactMethod]
    next: str | None


class QuietHours(Shape):
    """When no work order is sent to this person: local times, null where there are none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"required": ["from", "until"]})

    since: str | None = Field(alias="from")
    until: str | None


class PushKey(Shape):
    """The installation's public key (VAPID), base64url; null where web push is not set up."""

    public_key: str | None


class PushSubscription(Shape):
    """A browser's subscription. `route`: a push was confirmed within seven days, so a call may rely on it."""

    id: UUID
    confirmed_at: datetime | None
    route: bool
