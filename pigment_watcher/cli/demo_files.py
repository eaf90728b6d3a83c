"""What the demo drops: a little finance data, and files that something is wrong with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pigment_watcher.model import Outcome

_MONTHS = ("2026-07", "2026-08", "2026-09", "2026-10")
_REGIONS = ("EMEA", "AMER", "APAC")
_PRODUCTS = ("Licence", "Support", "Training")
_ACCOUNTS = ("6100 Salaries", "6200 Cloud", "6300 Travel", "6400 Rent")
_SALES_HEADER = "month,region,product,units,amount"
_COSTS_HEADER = "month;account;cost centre;amount"
_WORKBOOK = b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00[Content_Types].xml" + bytes(64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A file of the demo, and how it is to end; a slow one is written line by line."""

    route: str
    name: str
    content: bytes
    ends: Outcome = Outcome.IMPORTED
    slow: bool = False

    @property
    def is_sent(self) -> bool:
        """Whether Pigment gets to see it."""
        return self.ends is not Outcome.INVALID


def samples() -> tuple[Sample, ...]:
    """Return the files, in the order in which they were last changed."""
    sales = [
        Sample(route="sales", name=f"sales-{month}.csv", content=_sales(month))
        for month in _MONTHS[:3]
    ]
    costs = [
        Sample(route="costs", name=f"costs-{month}.csv", content=_costs(month))
        for month in _MONTHS[1:3]
    ]
    return (
        *sales,
        *costs,
        Sample(
            route="sales",
            name="sales-2027-plan.csv",
            content=_lines([_SALES_HEADER]),
            ends=Outcome.INVALID,
        ),
        Sample(route="sales", name="sales-emea.csv", content=_WORKBOOK, ends=Outcome.INVALID),
        Sample(
            route="costs",
            name="costs-typo.csv",
            content=_lines([_COSTS_HEADER, "2026-10;6999 SIMULATE-FAIL;Paris;1200,00"]),
            ends=Outcome.FAILED,
        ),
        Sample(
            route="costs",
            name="costs-new-account.csv",
            content=_lines(
                [
                    _COSTS_HEADER,
                    "2026-10;6100 Salaries;Paris;5100,00",
                    "2026-10;6777 SIMULATE-SKIP;Paris;310,00",
                    "2026-10;6777 SIMULATE-SKIP;London;290,00",
                ]
            ),
            ends=Outcome.IMPORTED_WITH_SKIPS,
        ),
        Sample(route="costs", name="costs-2026-10.csv", content=_costs("2026-10")),
        Sample(route="sales", name="sales-2026-10.csv", content=_sales("2026-10"), slow=True),
    )


def _sales(month: str) -> bytes:
    rows = (
        f"{month},{region},{product},{units},{units * 49.5:.2f}"
        for units, (region, product) in enumerate(
            _pairs(_REGIONS, _PRODUCTS), start=int(month[-2:])
        )
    )
    return _lines([_SALES_HEADER, *rows])


def _costs(month: str) -> bytes:
    rows = (
        f"{month};{account};{centre};{number * 310},00"
        for number, (account, centre) in enumerate(_pairs(_ACCOUNTS, ("Paris", "London")), start=3)
    )
    return _lines([_COSTS_HEADER, *rows])


def _pairs(ones: Sequence[str], others: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((one, other) for one in ones for other in others)


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
