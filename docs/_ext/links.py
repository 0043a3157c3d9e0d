"""Links that nobody has to write: statement ids, notes and Python names wherever they stand as code."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from fa_dynamics.theorems import names

NOTE = re.compile(r"(?:(?:\.\./)*docs/theory/|theory/)?([a-z]+\d*)\.md")
NOTES = ("notation", "girotti2021", "song2021", "robertson2024", "radhakrishnan2020", "classical", "statements")
KINDS = ("class", "exception", "function", "data")


class CodeLinks(SphinxTransform):
    """Literals such as `girotti2021.clock` and `notation.md` become links."""

    default_priority = 400

    def apply(self, **_) -> None:
        """Wrap every literal that names a statement or a note."""
        for literal in list(self.document.findall(nodes.literal)):
            if isinstance(literal.parent, (nodes.reference, addnodes.pending_xref)):
                continue
            text = literal.astext()
            note = NOTE.fullmatch(text)
            if text in names():
                link = {"refdomain": "std", "reftype": "ref", "reftarget": text, "refexplicit": True}
            elif note and note[1] in NOTES:
                link = {"refdomain": "std", "reftype": "doc", "reftarget": f"/theory/{note[1]}", "refexplicit": True}
            else:
                continue
            reference = addnodes.pending_xref("", refdoc=self.env.docname, refwarn=True, **link)
            literal.replace_self(reference)
            reference += literal


def by_last_name(app, env, node, contnode):
    """A Python name that is written short, or by the file where it lives: link to the one documented under it.

    Types without a page (NumPy's, or a class that is no public name) stay as they are; so does anything in single
    backticks of a docstring that is no name of ours, such as an argument.
    """
    if node.get("refdomain") != "py":
        return None
    objects = env.get_domain("py").objects
    target = node["reftarget"]
    last = target.rpartition(".")[2]
    homes = {
        (entry.docname, entry.node_id)
        for name, entry in objects.items()
        if (entry.objtype in KINDS and name.rpartition(".")[2] == last) or name.endswith(f".{target}")
    }
    if len(homes) == 1:
        ((document, place),) = homes
        uri = app.builder.get_relative_uri(node["refdoc"], document) + f"#{place}"
        return nodes.reference("", "", contnode, internal=True, refuri=uri)
    return contnode if node["reftype"] in ("class", "obj") and not homes else None


def setup(app):
    """Connect both."""
    app.add_transform(CodeLinks)
    app.connect("missing-reference", by_last_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
