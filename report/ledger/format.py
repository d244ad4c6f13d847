"""The only place where a number is rounded or becomes text.

APA style: no leading zero for what can't exceed 1 in size (ρ, p, shares of agreement), a real
minus sign, ``p < .001`` instead of a row of zeros. `verify` reads the finished
document with a reader of its own, which shares nothing with this module.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import floor, log10

from report.ledger.ledger import Entry, Ledger
from report.study.texts import visible
from stats.methods import by_words

MINUS = "−"
MISSING = "—"
DISPUTED = "†"  # beside an interval that leaves out zero where the test does not stand
NAMES_UP_TO = 4  # a longer list of names is given as a count

RULES = {"bh": "BH", "holm": "Holm", "by": "BY", "maxt": "max-T"}
"""What readers see of a decision rule."""

_BOUNDED_UNITS = frozenset({"rho", "r", "p", "share"})
_DECIMALS = {
    "rho": 2, "r": 2, "p": 3, "share": 2, "nats": 3, "nats-per-token": 5, "dimension": 2,
    "count": 0, "models": 0, "layer": 0, "tokens": 0, "ratio": 2, "": 3,
}  # fmt: skip
_NAMED_UNITS = {"nats": " nats", "tokens": " tokens"}
_COUNTED = frozenset({"count", "models", "layer"})
_SMALLEST_P = 0.001
_MOST_DECIMALS = 9


def decimal(value: float, decimals: int) -> str:
    """Round to ``decimals`` places: a real minus sign, and no minus before a zero."""
    text = f"{value:,.{decimals}f}".replace(",", "\u202f" if abs(value) >= 10_000 else "")
    if text.startswith("-"):
        text = text[1:] if not any(c in "123456789" for c in text) else MINUS + text[1:]
    return text


def bounded(value: float, decimals: int) -> str:
    """Format a number that can't exceed 1 in size: ``.37``, ``−.53``, ``1.00``."""
    text = decimal(value, decimals)
    return text.replace("0.", ".", 1) if text.lstrip(MINUS).startswith("0.") else text


def p_value(p: float, upper_bound: bool = False) -> str:
    """Format a p-value for a table cell: ``.497``, ``< .001``, ``> .999``, ``≤ .004``."""
    if p < _SMALLEST_P:
        return "< .001"
    if p > 1 - _SMALLEST_P:
        return "≤ 1" if upper_bound else "> .999"
    return f"{'≤ ' if upper_bound else ''}{bounded(p, 3)}"


def p_equation(p: float, symbol: str = "p", upper_bound: bool = False) -> str:
    """Format a p-value for a sentence: ``p = .497``, ``p < .001``."""
    text = p_value(p, upper_bound)
    return f"{symbol} {text}" if text[0] in "<>≤" else f"{symbol} = {text}"


def is_upper_bound(entry: Entry) -> bool:
    """Tell whether only an upper bound of the entry's p is known, as with a published p < .001."""
    test = None if entry.outcome is None else by_words(entry.outcome.method)
    return test is not None and test.bound


def symbol(entry: Entry) -> str:
    """Return what stands before an entry's value: ``ρ``, ``τ``, ``W``, or nothing."""
    method = by_words(entry.method)
    return "" if method is None else method.symbol_of(entry.unit)


def number(value: float, unit: str, decimals: int | None = None) -> str:
    """Format a value by its unit."""
    places = _DECIMALS[unit] if decimals is None else decimals
    return bounded(value, places) if unit in _BOUNDED_UNITS else decimal(value, places)


def interval(entry: Entry) -> str:
    """Format an entry's confidence interval: ``[−.70, .93]``, or a dash."""
    ci = entry.estimate.interval
    if ci is None:
        return MISSING
    low, high = (number(end, entry.unit, _places(entry)) for end in (ci.low, ci.high))
    return f"[{low}, {high}]"


def _places(entry: Entry) -> int | None:
    """Return the decimals that tell an entry from zero, and the ends of its interval apart.

    None where those of its unit do, and beyond `_MOST_DECIMALS`, where rounding errors begin.
    """
    ci, least = entry.estimate.interval, _DECIMALS[entry.unit]
    if entry.value is None or entry.unit in _BOUNDED_UNITS | _COUNTED:
        return None
    places = least
    if ci is not None:
        while places < _MOST_DECIMALS and (
            ci.low < ci.high and decimal(ci.low, places) == decimal(ci.high, places)
        ):
            places += 1
        if places == least:
            return None  # zero to within its interval
    size = abs(entry.value)
    if 10**-_MOST_DECIMALS < size < 0.5 * 10**-least:
        places = max(places, 1 - floor(log10(size)))
    return None if places == least else places


_STORED = "stored candidates only; whole distribution"
_SMALLEST = "smallest that the bounds allow; whole distributions"
NOT_IDENTIFIED = "not identified"


def identified(entry: Entry, ledger: Ledger) -> str:
    """Format the set in which the quantity of whole distributions lies, where mass is missing.

    An upper end that is not known is infinite; the text is empty where nothing is missing.
    """
    if (ends := ledger.set_of(entry)) is None:
        return ""
    shown = (
        unknown if end.value is None else _value(end)
        for end, unknown in zip(ends, (f"{MINUS}∞", "∞"), strict=True)
    )
    return f"[{', '.join(shown)}]"


def within(entry: Entry, limits: str) -> str:
    """Say what lies in a set, in brackets."""
    if entry.value is None:
        return f"(whole distributions within {limits})"
    of = _STORED if entry.quantity.startswith("top-k") else _SMALLEST
    return f"({of} within {limits})"


def level(entry: Entry) -> str:
    """Format the nominal coverage of an entry's interval: ``95%``."""
    ci = entry.estimate.interval
    return MISSING if ci is None else f"{ci.level * 100:g}%"


def undefined(share: float) -> str:
    """Format the share of resamples without a value: ``2%``, ``< 1%``, or nothing for none."""
    return "" if share == 0.0 else "< 1%" if share < 0.01 else f"{share * 100:.0f}%"


def signed(value: float, unit: str, decimals: int | None = None) -> str:
    """Format a difference with its sign, also when it is positive."""
    text = number(value, unit, decimals)
    is_zero = not any(c in "123456789" for c in text)
    return text if text.startswith(MINUS) or is_zero else f"+{text}"


def sentence(entry: Entry, rule: str = "") -> str:
    """Format an entry for a sentence: estimate, n, interval, p, or p adjusted by ``rule``."""
    unit = "" if entry.value is None else _NAMED_UNITS.get(entry.unit, "")
    sign = symbol(entry)
    parts = [(f"{sign} = " if sign else "") + _value(entry) + unit]
    if entry.value is not None and entry.unit not in _COUNTED:
        parts.append(f"n = {show(entry, 'n')}")
    if entry.estimate.interval is not None:
        parts.append(f"{level(entry)} CI {interval(entry)}")
    if rule in entry.p_adjusted:
        parts.append(p_equation(entry.p_adjusted[rule], "adjusted p", is_upper_bound(entry)))
    elif entry.p is not None:
        parts.append(p_equation(entry.p, upper_bound=is_upper_bound(entry)))
    return ", ".join(parts)


def _value(entry: Entry, decimals: int | None = None) -> str:
    if entry.value is None:
        return MISSING
    return number(entry.value, entry.unit, _places(entry) if decimals is None else decimals)


def show(entry: Entry, kind: str) -> str:
    """Format one aspect of an entry.

    Parameters
    ----------
    entry : Entry
    kind : str
        ``value`` and ``signed`` (or ``value:3`` for decimals), ``ci`` (``ci:marked`` with the
        mark of a disputed one), ``apa`` (estimate, n, interval and p for a sentence; ``apa:RULE``
        with the adjusted p), ``p``, ``p=`` (for a sentence), ``floor``, ``n``, ``layer``,
        ``statistic``, ``adjusted:RULE`` or ``adjusted=:RULE`` (for a sentence) for an adjusted p.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    name, _, option = kind.partition(":")
    outcome = entry.outcome
    match name:
        case "value":
            return _value(entry, int(option) if option else None)
        case "signed":
            places = int(option) if option else None
            if entry.value is None:
                return MISSING
            return signed(entry.value, entry.unit, _places(entry) if places is None else places)
        case "ci":
            return f"{interval(entry)} {DISPUTED}" if option == "marked" else interval(entry)
        case "apa":
            return sentence(entry, option)
        case "n":
            return str(entry.estimate.n)
        case "layer":
            return MISSING if entry.layer is None else str(entry.layer)
        case "p":
            return MISSING if entry.p is None else p_value(entry.p, is_upper_bound(entry))
        case "p=":
            return (
                MISSING if entry.p is None
                else p_equation(entry.p, upper_bound=is_upper_bound(entry))
            )  # fmt: skip
        case "floor":
            floor = None if outcome is None else outcome.p_floor
            return MISSING if floor is None else p_value(floor)
        case "statistic":
            statistic = None if outcome is None else outcome.statistic
            return MISSING if statistic is None else decimal(statistic, 3)
        case "adjusted":
            p = entry.p_adjusted.get(option)
            return MISSING if p is None else p_value(p, is_upper_bound(entry))
        case "adjusted=":
            p = entry.p_adjusted.get(option)
            return MISSING if p is None else p_equation(p, "adjusted p", is_upper_bound(entry))
        case _:
            raise ValueError(f"no such format: {kind!r}")


def listing(items: Sequence[str], conjunction: str = "and") -> str:
    """Join words as English does: ``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def few(items: Sequence[str], singular: str) -> str:
    """Name things while they are few, else count them: ``a and b``, ``six models``."""
    return listing(items) if len(items) <= NAMES_UP_TO else count(len(items), singular)


_WORDS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip


def count(n: int, singular: str = "", plural: str = "") -> str:
    """Spell a small count, with its noun: ``three tests``, ``no model``, ``41 tests``."""
    word = _WORDS[n] if 0 <= n < len(_WORDS) else decimal(n, 0)
    if not singular:
        return "none" if n == 0 else word
    return f"{word} {singular if n == 1 else plural or singular + 's'}"


def out_of(part: int, whole: int, singular: str, plural: str = "") -> str:
    """Say how many of a number of things: ``all 15 pairs``, ``none of the 41 tests``."""
    things = count(whole, singular, plural)
    if whole == 1:
        return f"the one {singular}" if part else f"not the one {singular}"
    if part == whole:
        return f"both {plural or singular + 's'}" if whole == 2 else f"all {things}"
    if part == 0 and whole == 2:
        return f"neither of the {things}"
    return f"{count(part)} of the {things}"


def tally(m: int, survivors: int, kind: str) -> str:
    """Say how many tests a family has, and how many of them survive.

    Parameters
    ----------
    m, survivors : int
    kind : str
        ``survivors`` (a number), ``m:NOUN`` or ``survivors:NOUN`` (of all of them); in digits
        ``size``, ``rejected`` and ``share`` (``2 of 42``).

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    name, _, noun = kind.partition(":")
    match name:
        case "m":
            return count(m, noun)
        case "survivors":
            return out_of(survivors, m, noun) if noun else count(survivors)
        case "size":
            return decimal(m, 0)
        case "rejected":
            return decimal(survivors, 0)
        case "share":
            return f"{decimal(survivors, 0)} of {decimal(m, 0)}"
        case _:
            raise ValueError(f"no such tally: {kind!r}")


_SPECIAL = re.compile(r"""([\\`*_{}\[\]#<>|~^$@&'"])""")
# What smart punctuation would change: dashes, ellipses, and a period that may end an abbreviation
# (a space after it would be made unbreakable).
_SMART = re.compile(r"(?<=-)-|-(?=-)|(?<=\.)\.|\.(?=\.|\s|$)")
# What would begin a list, a definition, a box or a line under a heading at the start of a line.
_OPENING = re.compile(r"^(\s?)(?:(\w{0,9})([-+:.)])(?=\s|$)|([:=(]))")


def escape(text: str) -> str:
    """Escape text from data so that Markdown shows it as it is, on one line.

    Neither pandoc nor Quarto finds anything in it: no markup, no raw block, no short code, no
    punctuation to improve. One space at either end is kept, for pieces of a sentence; more would
    begin a code block.
    """
    text = re.sub(r"^\s+|\s+$", " ", visible(text))
    text = _SMART.sub(r"\\\g<0>", _SPECIAL.sub(r"\\\1", text))
    text = _OPENING.sub(lambda m: f"{m[1]}{m[2] or ''}\\{m[3] or m[4]}", text)
    return re.sub(r"!$", r"\\!", text)


def code(text: str) -> str:
    """Write text from data, a file's name say, as a code span, or escaped if it could end one."""
    return f"`{text}`" if re.fullmatch(r"[\w./+-][\w ./+:=-]*", text) else escape(text)


_OWN_MARKUP = re.compile(
    r"\\(?:[^\w\s]|_)|\*[^\W_][\w ,.=-]*\*|`[\w./+-]+`(?!\{)|@(?:sec|tbl|fig)-[a-z0-9-]+"
    r"|(?P<bare>[\\`*_{}\[\]#<>|~^$@&]|\.$)"
)


def caption(text: str) -> str:
    """Keep of a caption's Markdown what our own captions use, and make the rest text.

    They use emphasis, code, references to our own labels, and escapes. A name that was put in
    unescaped can do no harm here, and a last period that ends an abbreviation does not take in
    the label that follows.
    """
    return _OWN_MARKUP.sub(lambda m: f"\\{m[0]}" if m["bare"] else m[0], visible(text))
