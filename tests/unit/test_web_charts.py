"""Charts as plain geometry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigment_watcher.web import charts

COUNTS = st.dictionaries(
    st.sampled_from(["imported", "imported_with_skips", "failed", "unsure", "gone"]),
    st.integers(0, 10**6),
)


@given(st.lists(COUNTS, min_size=1, max_size=30))
def test_bars_lie_within_the_chart_and_upon_each_other(spans: list[dict[str, int]]) -> None:
    chart = charts.files([{"files": files} for files in spans])
    assert sum(bar.value for bar in chart.bars) == sum(sum(files.values()) for files in spans)
    for bar in chart.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= chart.width + 0.1
        assert -0.5 <= bar.y <= bar.y + bar.height <= chart.height + 0.1
    for one, other in zip(chart.bars, chart.bars[1:], strict=False):
        assert other.x > one.x or other.y + other.height == pytest.approx(one.y, abs=0.11)


@pytest.mark.parametrize(
    ("largest", "top"), [(0, 1.0), (1, 1.0), (3, 5.0), (60, 100.0), (2000, 2000.0), (0.3, 0.5)]
)
def test_the_upper_edge_stands_for_a_round_number(largest: float, top: float) -> None:
    assert charts.durations([{"mean_s": largest}, {"mean_s": None}]).top == pytest.approx(top)
