"""A data supplement: one zip from which a reviewer verifies a build elsewhere."""

from __future__ import annotations

import zipfile
from pathlib import Path

from report.audit.finished import inside, load_finished

README = """\
# Data supplement

A finished build of `statistical-report`, without the captures.

- `report.html`, `report.pdf`: the document; `report.qmd` with `_quarto.yml`, `theme/` and
  `references.bib` is its source, and can be rendered again with Quarto.
- `ledger.json`, `ledger.csv`: every statistic, one row each. Field `sources` names the columns
  of files in `data/` that it rests on.
- `data/`: published tables, plans and features, by study.
- `tables/`, `figures/`, `values.json`: what the document shows.
- `manifest.json`: hashes of all inputs and outputs, versions, seeds.

## Verify

With Python 3.11 or later, install `statistical-report` (version {version}), unpack this archive,
and run in its folder

    python -m report verify .

It hashes every file, recomputes every statistic by a second path in plain numpy and scipy,
reads every number back from the HTML and the PDF, and names whatever does not agree, with its
place. Exit code 0 means that everything agrees. The captures are not here, so their hashes are
not checked; name a study folder that holds them with `--study`.

    python -m report explain ID --build .

prints one statistic in full, with the lines of Python that reproduce it. These lines need
numpy and scipy only, and are run inside this folder.
"""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the archive depends on the build alone


def bundle(folder: Path, target: Path | None = None) -> Path:
    """Write the supplement of a finished build.

    Parameters
    ----------
    folder : Path
        The build.
    target : Path, optional
        The archive; ``<build>.zip`` beside the build by default.

    Returns
    -------
    Path
        The archive. The same build gives the same bytes.

    Raises
    ------
    InputError
        If the folder holds no readable build.
    """
    build = load_finished(folder)
    root = folder.resolve().name
    path = target or folder.resolve().with_name(f"{root}.zip")
    listed = ["manifest.json", *build.manifest.outputs]
    version = build.manifest.versions.get("statistical-report", "unknown")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(listed):
            if (file := inside(folder, name)).is_file():
                _add(archive, f"{root}/{name}", file.read_bytes())
        _add(archive, f"{root}/README.md", README.format(version=version).encode())
    return path


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, content)
