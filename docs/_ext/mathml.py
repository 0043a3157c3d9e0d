"""Formulas as MathML, written when the site is built: no script, no font, no network when it is read."""

from __future__ import annotations

import html
import re

import formulas
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

CLOSING = re.compile(r"[,.;:)!?’”]+")


class KeepPunctuation(SphinxPostTransform):
    """A comma after a formula belongs to it: browsers would put it on the next line."""

    default_priority = 900
    formats = ("html",)

    def run(self, **_) -> None:
        """Move it into the formula's node."""
        for formula in list(self.document.findall(nodes.math)):
            place = formula.parent.index(formula) + 1
            following = formula.parent[place : place + 1]
            found = CLOSING.match(following[0].astext()) if following and isinstance(following[0], nodes.Text) else None
            if found:
                formula["closing"] = found[0]
                formula.parent[place] = nodes.Text(following[0].astext()[found.end() :])


def mathml(node: nodes.Node, display: str = "inline") -> str:
    """One formula; a command that the converter does not know is a warning, which ends the build."""
    latex = node.astext()
    try:
        found = formulas.mathml(latex, display)
    except Exception as problem:  # the converter's errors have no common base class
        logger.warning("formula %r: %s: %s", latex, type(problem).__name__, problem, location=node)
        return f"<code>{html.escape(latex)}</code>"
    for left in re.findall(r"\\[a-zA-Z]+|\$|&amp;", found):
        logger.warning("formula %r: %s has no MathML", latex, left, location=node)
    return found


def visit_inline(writer, node):
    """A formula in a line of text."""
    text, closing = mathml(node), html.escape(node.get("closing", ""))
    if closing:
        kept, mark, last = text.rpartition("<wbr>")
        text = f'{kept}{mark}<span style="white-space: nowrap">{last}{closing}</span>'
    writer.body.append(text)
    raise nodes.SkipNode


def visit_display(writer, node):
    """A formula on a line of its own, which scrolls on a narrow screen."""
    number = f'<span class="eqno">({get_node_equation_number(writer, node)})</span>' if node["number"] else ""
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.append(f"{number}{mathml(node, 'block')}</div>\n")
    raise nodes.SkipNode


def setup(app):
    """Register the renderer `mathml`."""
    app.add_post_transform(KeepPunctuation)
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
