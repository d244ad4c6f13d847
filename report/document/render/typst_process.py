"""Compile a Typst source to a PDF, as a program: what Typst holds in memory ends with it.

It imports nothing of ours, so that it starts at once, and says on standard error what Typst
refuses.
"""

import sys
from pathlib import Path


def main(source: str, output: str) -> int:
    """Compile one file.

    Parameters
    ----------
    source, output : str
        Paths; the source may read files of its own folder only.

    Returns
    -------
    int
        0, or 1 where Typst refuses the source.
    """
    import typst

    try:
        typst.compile(
            source,
            output=output,
            root=str(Path(source).parent),
            ignore_system_fonts=True,
            pdf_standards=["ua-1"],
        )
    except typst.TypstError as error:
        sys.stderr.buffer.write(error.diagnostic.encode())
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
