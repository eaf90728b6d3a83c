"""All figures, in the order of the table."""

from bench.figure import Figure
from bench.figures import idle, large, latency, requests, start, throughput, views

ALL: tuple[Figure, ...] = (
    *requests.FIGURES,
    *throughput.FIGURES,
    *large.FIGURES,
    *latency.FIGURES,
    *start.FIGURES,
    *views.FIGURES,
    *idle.FIGURES,
)
