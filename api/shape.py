"""The base of the shapes of answers, for the OpenAPI document. The database builds the JSON itself; tests hold the two
together."""

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """What an answer has, and nothing else."""

    model_config = ConfigDict(extra="forbid")
