"""The styles of Word documents: pandoc's own reference document, changed where tables need it."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from pathlib import Path

from report.document import processes
from report.study.errors import RenderError

_PAGE = (
    '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" '
    'w:left="1134" w:header="567" w:footer="567" w:gutter="0"/>'
)


def _text_style(name: str, half_points: int) -> str:
    return (
        f'<w:style w:type="paragraph" w:customStyle="1" w:styleId="{name.replace(" ", "")}">'
        f'<w:name w:val="{name}"/><w:basedOn w:val="Normal"/><w:qFormat/>'
        '<w:pPr><w:spacing w:before="10" w:after="10"/></w:pPr>'
        f'<w:rPr><w:sz w:val="{half_points}"/><w:szCs w:val="{half_points}"/></w:rPr></w:style>'
    )


_RULES = (
    '<w:tblBorders><w:top w:val="single" w:sz="6" w:color="666666"/>'
    '<w:bottom w:val="single" w:sz="6" w:color="666666"/>'
    '<w:insideH w:val="single" w:sz="2" w:color="DDDDDD"/></w:tblBorders>'
)

# Part, what pandoc has there, what it becomes. A4 with margins of 2 cm, 10.5 points; rules
# and narrow margins in tables; code as large as the text around it. What a later pandoc has
# otherwise stays as it is: only looks hang on it.
_CHANGES = (
    ("word/document.xml", r"</w:sectPr>", rf"{_PAGE}</w:sectPr>"),
    ("word/styles.xml", r'(<w:rPrDefault>.*?<w:sz w:val=)"\d+"(.*?<w:szCs w:val=)"\d+"',
     r'\1"21"\2"21"'),
    ("word/styles.xml", r'(w:styleId="VerbatimChar">(?:(?!</w:style>).)*?)<w:sz [^>]*>', r"\1"),
    ("word/styles.xml", r'(w:styleId="Table">(?:(?!</w:style>).)*?)(<w:tblCellMar>)',
     rf"\1{_RULES}\2"),
    ("word/styles.xml", r'(<w:(?:left|right) w:w=)"108"', r'\1"57"'),
    ("word/styles.xml", r"</w:styles>",
     f"{_text_style('Table Text', 17)}{_text_style('Table Small Text', 14)}</w:styles>"),
)  # fmt: skip


def write_reference(path: Path) -> None:
    """Write the document whose styles Word documents take.

    Parameters
    ----------
    path : Path
        Gets the same bytes each time, whatever the clock says.
    """
    import pypandoc

    command = [pypandoc.get_pandoc_path(), "--print-default-data-file=reference.docx"]
    done = processes.run(command, seconds=60.0)
    if done.code:
        raise RenderError(f"pandoc gives no styles for Word:\n{done.errors.strip()}")
    with zipfile.ZipFile(BytesIO(done.output)) as package:
        parts = {name: package.read(name).decode() for name in package.namelist()}
    for part, old, new in _CHANGES:
        parts[part] = re.sub(old, new, parts[part], flags=re.DOTALL)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in parts.items():
            package.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
