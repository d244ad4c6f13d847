"""The checks that a claim is made of: small, typed, and answered from the ledger."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from report.experiments.claims.significance import Absent, Consistent, Count, Significant
from report.experiments.claims.values import Between, Cell, Equals, Extreme, Order, Ratio, Sign

AnyCheck = Annotated[
    Extreme | Order | Sign | Ratio | Significant | Consistent | Equals | Between | Count | Absent
    | Cell,
    Field(discriminator="kind"),
]  # fmt: skip
