"""The API names every relation that a home's circle knows, and no other."""

from typing import get_args

from api.circle_shapes import Relation
from registry.care_circle import RELATIONS


def test_relations_are_those_of_the_table() -> None:
    assert get_args(Relation) == RELATIONS
