"""A UAR above 1."""

from dataclasses import replace

KIND = "published results"
BY = "impossible value"


def publish(honest):
    return replace(honest, claims={"uar": 1.178})
