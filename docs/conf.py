"""The site: `make docs` builds it from this folder, and from pages that `_ext/gather.py` brings here."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from fa_dynamics import __version__  # noqa: E402

project = "fa_dynamics"
author = "The fa_dynamics contributors"
copyright = author
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "mathml",
    "gather",
    "links",
    "docstrings",
]
exclude_patterns = ["_build", "_ext", "conf.py", "**.ipynb_checkpoints"]

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}

# Pages that run are run again when the package changes, and not otherwise.
_sources = sorted((ROOT / "fa_dynamics").rglob("*.py"))
_digest = hashlib.sha256(b"".join(path.read_bytes() for path in _sources)).hexdigest()[:16]
_executed = HERE / "_build" / "executed"
for _old in _executed.glob("*"):
    if _old.name != _digest:
        shutil.rmtree(_old)
nb_execution_mode = "cache"
nb_execution_cache_path = str(_executed / _digest)
nb_execution_excludepatterns = [
    "gathered/notebooks/*",
    "gathered/notebooks/solutions/*",
]  # their stored outputs are shown
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_render_markdown_format = "myst"

default_role = "autolink"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
autodoc_default_options = {"inherited-members": False}
numpydoc_show_class_members = False
nitpicky = True

html_theme = "furo"
html_title = "fa_dynamics"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
