"""No number of right clips gives the accuracy."""

from dataclasses import replace

KIND = "published results"
BY = "impossible value"


def publish(honest):
    return replace(honest, claims={"accuracy": 0.9012})
