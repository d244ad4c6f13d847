"""A reader of printed statistics, written apart from what prints them.

It knows how a statistic may look in a document, as a careful reader does: ``ρ = −.53, 95% CI
[−.76, −.19], adjusted p = .035``. It turns the text into numbers and holds them against the
ledger. Nothing here is shared with `report.ledger.format`: a fault there can't agree with itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from report.ledger.ledger import Entry, Family

MISSING = "—"

_MINUS = "−-"
_NUMBER = rf"[+{_MINUS}]?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)?(?:\.\d+)?(?<=\d)"
_DAGGER = "†"  # of an interval that leaves out zero although the test does not stand
_INTERVAL = rf"\[(?P<low>{_NUMBER}),(?P<high>{_NUMBER})\]"
_P = rf"(?P<relation>[=<>≤≥])?(?P<p>{_NUMBER})"
_SENTENCE = re.compile(
    rf"(?:(?P<symbol>[^=<>≥\[\]\d,{MISSING}]+)=)?(?P<value>{_NUMBER}|{MISSING})(?P<unit>[a-z]*)"
    r"(?:,n=(?P<n>\d+))?"
    rf"(?:,(?P<level>\d+(?:\.\d+)?)%CI{_INTERVAL})?"
    rf"(?:,(?P<equation>(?:adjusted)?p{_P}))?"
)
_EQUATION = re.compile(rf"(?P<adjusted>adjusted)?p{_P}")

# Digits after the point that a reader is owed, by unit.
_PLACES = {
    "rho": 2, "r": 2, "p": 3, "share": 2, "nats": 3, "nats-per-token": 5, "dimension": 2,
    "ratio": 2, "": 3,
}  # fmt: skip
# What stands before a value, by the beginning of the method that made it.
_SYMBOLS = {
    "Spearman": "ρ", "partial Spearman": "partial ρ", "Kendall's tau": "τ", "Kendall's W": "W",
    "rank-biserial": "rank-biserial r", "matched-pairs rank-biserial": "rank-biserial r",
    "mean over answers of the autocorrelation": "autocorrelation", "Pearson": "r",
}  # fmt: skip
_UNITS = {"nats": "nats", "tokens": "tokens"}
_WORDS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip


class UnreadableError(ValueError):
    """A text is no statistic of the form that it should have."""


@dataclass(frozen=True)
class Number:
    """A number as it stands in print.

    Parameters
    ----------
    value : Decimal
    places : int
        Digits after the point.
    sign : str
        ``"+"``, ``"-"`` or ``""``, as printed.
    """

    value: Decimal
    places: int
    sign: str

    @classmethod
    def read(cls, text: str) -> Number:
        """Read one number: with any minus, without a leading zero, with separated thousands.

        Raises
        ------
        UnreadableError
            If the text is anything else.
        """
        text = compact(text)
        if not re.fullmatch(_NUMBER, text):
            raise UnreadableError("is no number")
        sign = "-" if text[0] in _MINUS else "+" if text[0] == "+" else ""
        digits = text.lstrip(f"+{_MINUS}").replace(",", "")
        value = Decimal(digits)
        return cls(-value if sign == "-" else value, len(digits.partition(".")[2]), sign)

    def rounds(self, value: float) -> bool:
        """Tell whether this is ``value``, rounded to the digits that are printed."""
        return abs(self.value - Decimal(value)) * 2 <= Decimal(1).scaleb(-self.places)


def compact(text: str) -> str:
    """Drop what layout adds: white space, which thousands have too, and hyphens in words."""
    text = re.sub(r"[\s\u00ad\u200b]+", "", text)
    return re.sub(r"(?<=[a-z])[-\u2010](?=[a-z])", "", text)


@dataclass(frozen=True)
class Expected:
    """What a statistic of the ledger owes its readers.

    Parameters
    ----------
    entry : Entry
    level : float
        Coverage of intervals, as the plan of its study has it.
    """

    entry: Entry
    level: float

    def faults(self, text: str, kind: str) -> list[str]:
        """Say what a text has wrong.

        Parameters
        ----------
        text : str
        kind : str
            What the text claims to be: the value, the interval, p and so on.

        Raises
        ------
        KeyError
            If the kind is unknown.
        """
        name, _, option = kind.partition(":")
        entry, outcome = self.entry, self.entry.outcome
        words = compact(text)
        try:
            match name:
                case "value" | "signed":
                    places = int(option) if option else None
                    return self._value(words, places, signed=name == "signed")
                case "ci":
                    return self._interval(words) + self._dagger(words, option)
                case "apa":
                    return self._sentence(words, option)
                case "n":
                    return _whole(words, entry.estimate.n)
                case "layer":
                    return _whole(words, entry.layer)
                case "p":
                    return self._p(words, entry.p)
                case "p=":
                    return self._equation(words, entry.p, adjusted=False)
                case "floor":
                    floor = None if outcome is None else outcome.p_floor
                    return _p(words, floor, bound=False)
                case "statistic":
                    return _number(words, None if outcome is None else outcome.statistic, 3)
                case "adjusted":
                    return self._p(words, entry.p_adjusted.get(option))
                case "adjusted=":
                    return self._equation(words, entry.p_adjusted.get(option), adjusted=True)
                case _:
                    raise KeyError(kind)
        except UnreadableError as error:
            return [str(error)]

    @property
    def _bound(self) -> bool:
        """Whether only an upper bound of p is known."""
        outcome = self.entry.outcome
        return outcome is not None and outcome.method.endswith("upper bound")

    def _value(self, text: str, places: int | None = None, *, signed: bool = False) -> list[str]:
        value = self.entry.value
        if value is None and text == MISSING and self.entry.reason is None:
            return ["is missing without a reason"]
        owed = _PLACES.get(self.entry.unit, 0) if places is None else places
        found = _number(text, value, owed, exactly=places is not None)
        if found or not signed or value is None:
            return found
        number = Number.read(text)
        if number.value > 0 and number.sign != "+":
            return ["lacks the sign of a difference"]
        return []

    def _interval(self, text: str) -> list[str]:
        interval = self.entry.estimate.interval
        if interval is None or text == MISSING:
            return _absent(text, interval is None, "interval")
        found = re.fullmatch(_INTERVAL, text.removesuffix(_DAGGER))
        if found is None:
            return ["is no interval"]
        places = _PLACES.get(self.entry.unit, 0)
        if Number.read(found["low"]).value > Number.read(found["high"]).value:
            return ["has its ends swapped"]
        return [
            f"{name} end: {fault}"
            for name, end in (("low", interval.low), ("high", interval.high))
            for fault in _number(found[name], end, places)
        ]

    def _dagger(self, text: str, option: str) -> list[str]:
        """Hold the mark of an interval that disagrees with its test against both of them."""
        entry, interval = self.entry, self.entry.estimate.interval
        zero_out = interval is not None and (interval.low > 0 or interval.high < 0)
        owed = entry.rejected is False and zero_out and entry.unit not in ("share", "ratio")
        if text.endswith(_DAGGER) and not owed:
            return ["has a dagger, though interval and test agree"]
        if option == "marked" and not text.endswith(_DAGGER):
            return ["lacks its dagger"]
        return []

    def _p(self, text: str, p: float | None) -> list[str]:
        return _p(text, p, bound=self._bound)

    def _equation(self, text: str, p: float | None, *, adjusted: bool) -> list[str]:
        if p is None or text == MISSING:
            return _absent(text, p is None, "p")
        found = _EQUATION.fullmatch(text)
        if found is None:
            return ["is no p-value of a sentence"]
        if bool(found["adjusted"]) is not adjusted:
            return ["calls the adjusted p a plain one" if adjusted else "calls p adjusted"]
        return self._p((found["relation"] or "") + found["p"], p)

    def _sentence(self, text: str, rule: str) -> list[str]:
        found = _SENTENCE.fullmatch(text)
        if found is None:
            return ["is no statistic as sentences have them"]
        entry, interval = self.entry, self.entry.estimate.interval
        faults = self._value(found["value"])
        unit = _UNITS.get(entry.unit, "") if entry.value is not None else ""
        if found["unit"] != unit:
            faults.append(f"has the unit {found['unit'] or 'none'!r}")
        faults += _named(entry, found["symbol"] or "")
        if found["n"] is not None and _whole(found["n"], entry.estimate.n):
            faults.append(f"n is {entry.estimate.n}")
        if (found["level"] is None) is not (interval is None):
            faults.append("has an interval" if interval is None else "lacks the interval")
        elif interval is not None:
            faults += self._interval(f"[{found['low']},{found['high']}]")
            if Decimal(found["level"]) != Decimal(f"{self.level * 100:.9g}"):
                faults.append(f"the plan's level is {self.level * 100:g}%")
            faults += _order(found["low"], found["value"], found["high"])
        adjusted = rule in entry.p_adjusted
        p = entry.p_adjusted[rule] if adjusted else entry.p
        if p is None or found["p"] is None:
            if p is not None or found["p"] is not None:
                faults.append("has a p" if p is None else "lacks p")
        else:
            faults += self._equation(found["equation"], p, adjusted=adjusted)
        return faults


def _named(entry: Entry, symbol: str) -> list[str]:
    """Hold the symbol before a value against what its method stands for."""
    wanted = [name for start, name in _SYMBOLS.items() if entry.method.startswith(start)]
    if not wanted or entry.unit not in ("rho", "r", "share") or symbol == compact(wanted[0]):
        return []
    return [f"the symbol of {entry.method} is {wanted[0]}"]


def _order(low: str, value: str, high: str) -> list[str]:
    if value == MISSING:
        return []
    a, b, c = (Number.read(text).value for text in (low, value, high))
    return [] if a <= b <= c else ["the estimate lies outside its interval"]


def _absent(text: str, is_absent: bool, what: str) -> list[str]:
    if not is_absent:
        return [f"lacks the {what}"]
    return [] if text == MISSING else [f"there is no {what}"]


def _number(text: str, value: float | None, places: int, *, exactly: bool = False) -> list[str]:
    """Hold a printed number against the ledger's: sign, digits, rounding."""
    if value is None or text == MISSING:
        return _absent(text, value is None, "number")
    number = Number.read(text)
    if number.value == 0 and number.sign:
        return ["has a sign before zero"]
    if number.value * Decimal(value) < 0:
        return ["has the wrong sign"]
    if not number.rounds(value):
        flipped = Number(-number.value, number.places, "").rounds(value)
        right = f"{value:.{number.places}f}"
        return [
            "has the wrong sign"
            if flipped
            else f"is another number than the ledger's {right}, or rounded wrongly"
        ]
    if number.places < places or (exactly and number.places != places):
        return [f"has {number.places} digits after the point instead of {places}"]
    return []


def _whole(text: str, value: int | None) -> list[str]:
    found = _number(text, value, 0)
    return found or ([] if value is None or text.isdigit() else ["is no count"])


def _p(text: str, p: float | None, *, bound: bool) -> list[str]:
    """Hold a printed p against the ledger's; a bound must be printed as one."""
    if p is None or text == MISSING:
        return _absent(text, p is None, "p")
    found = re.fullmatch(_P, text)
    if found is None:
        return ["is no p-value"]
    number = Number.read(found["p"])
    if number.sign or number.value > 1:
        return ["is no probability"]
    relation, exact = found["relation"] or "=", Decimal(p)
    if relation == "<":
        good = exact < number.value <= Decimal("0.001")
    elif relation in ">≥":
        good = not bound and relation == ">" and exact > number.value >= Decimal("0.999")
    elif (relation == "≤") is not bound:
        return ["hides that only an upper bound is known" if bound else "is no upper bound"]
    elif number.value == 1:
        good = bound and exact > Decimal("0.999")
    else:
        good = number.value > 0 and number.places >= 3 and number.rounds(p)
    return [] if good else ["is another p, or rounded wrongly"]


# --- numbers of tests -------------------------------------------------------------------


def _counted(word: str) -> int:
    word = "no" if word == "none" else word
    if word in _WORDS:
        return _WORDS.index(word)
    if not re.fullmatch(r"\d+", word):
        raise UnreadableError("is no count")
    return int(word)


def tally_faults(text: str, kind: str, family: Family, survivors: int) -> list[str]:
    """Say what a printed number of tests of a family, or of its survivors, has wrong.

    Raises
    ------
    KeyError
        If the kind is unknown.
    """
    name, _, noun = kind.partition(":")
    digits = {
        "size": [family.m],
        "rejected": [survivors],
        "share": [survivors, family.m],
    }
    if name not in ("m", "survivors", *digits):
        raise KeyError(kind)
    words = re.sub(r"(?<=\d)[\u202f\u00a0,](?=\d{3})", "", text).lower().split()
    if name in digits:
        said = [word for word in words if word != "of"]
        return [] if said == [str(n) for n in digits[name]] else ["is another number"]
    try:
        if name == "m" or not noun:
            wanted = family.m if name == "m" else survivors
            same = _counted(words[0] if words else "") == wanted
            return [] if same and words[1:] == _nouns(noun, wanted) else ["is another number"]
        return [] if _part(words, noun) == (survivors, family.m) else ["is another number"]
    except UnreadableError as error:
        return [str(error)]


def _nouns(noun: str, n: int) -> list[str]:
    return (noun if n == 1 else f"{noun}s").split() if noun else []


def _part(words: list[str], noun: str) -> tuple[int, int]:
    """Read ``17 of the 21 tests`` and its short forms as part and whole."""
    one, many = " ".join(_nouns(noun, 1)), " ".join(_nouns(noun, 2))
    text = " ".join(words)
    fixed = {f"the one {one}": (1, 1), f"not the one {one}": (0, 1), f"both {many}": (2, 2)}
    if text in fixed:
        return fixed[text]
    found = re.fullmatch(
        rf"(?:(?P<all>all)|(?P<neither>neither) of the|(?P<part>\S+) of the) (?P<m>\S+) "
        rf"(?:{re.escape(one)}|{re.escape(many)})",
        text,
    )
    if found is None:
        raise UnreadableError("is no part of a number of tests")
    m = _counted(found["m"])
    return (m if found["all"] else 0 if found["neither"] else _counted(found["part"])), m
