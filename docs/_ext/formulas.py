r"""LaTeX to MathML as browsers draw it: what the converter leaves to TeX's habits is put right here.

It takes ``\mathbb{R}`` but not ``\mathbb R``, has no ``aligned`` and no ``$`` inside ``\text``; MathML draws
capital Greek in italics, spaces a slash and a bar like relations, and does not break a long formula in a line of text.
"""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

from latex2mathml.converter import convert

BARE = re.compile(r"\\(mathbb|mathcal|mathsf|mathbf|mathfrak|boldsymbol)\s*(?!\{)(\\[a-zA-Z]+|[a-zA-Z])")
ALIGNED = re.compile(r"\\begin\{(aligned|align\*?|equation\*?)\}(.*?)\\end\{\1\}", re.DOTALL)
TEXT = re.compile(r"\\text\{([^{}]*)\}")
RELATIONS = set("=≠≈≤≥<>→⇒⟺≔∈⊂∝≃∼≪≫≳⪰⪯≻")
BREAKABLE = 6
"""Formulas of fewer parts stay in one piece."""


def prepared(latex: str) -> str:
    """LaTeX that the converter understands."""
    latex = TEXT.sub(lambda found: re.sub(r"\$(.*?)\$", r"}\1\\text{", found[0]), latex)
    return ALIGNED.sub(aligned, BARE.sub(r"\\\1{\2}", latex))


def aligned(found: re.Match[str]) -> str:
    """Lines that are aligned at their signs, as an array."""
    if found[1].startswith("equation"):
        return found[2]
    columns = max(line.count("&") for line in found[2].split(r"\\")) + 1
    return rf"\begin{{array}}{{{('rl' * columns)[:columns]}}}{found[2]}\end{{array}}"


def polish(piece: ET.Element) -> None:
    """Spaces and shapes of one element and all below it."""
    for each in piece.iter():
        text = each.text or ""
        if each.tag == "mi" and text == "⟺":
            each.tag, each.attrib = "mo", {"lspace": "0.28em", "rspace": "0.28em"}
        elif each.tag in ("mi", "mo") and not each.attrib and re.fullmatch("[a-z]{2,}", text):
            each.tag, each.attrib = "mo", {"form": "prefix", "lspace": "0.1em", "rspace": "0.167em"}
        elif each.tag == "mi" and not each.attrib and re.fullmatch("[Α-Ω]", text):
            each.set("mathvariant", "normal")
        elif each.tag == "mo" and text in ("/", "|", "‖", ".") and "minsize" not in each.attrib:
            each.set("lspace", "0")
            each.set("rspace", "0")
        children = list(each)
        for first, second in pairwise(children):
            if first.text == ":" and second.tag == "mo" and second.text == "=":
                each.remove(first)
                second.text = "≔"


def pieces(row: list[ET.Element]) -> list[list[ET.Element]]:
    """The parts of a row between which a line may end: before a relation, after a comma, outside all brackets."""
    parts: list[list[ET.Element]] = [[]]
    depth, bars = 0, 0
    for each in row:
        inside = "".join(each.itertext())
        loose = depth == 0 and bars % 2 == 0
        if each.tag == "mo" and inside in RELATIONS and loose and len(parts[-1]) > 2:
            parts.append([])
        parts[-1].append(each)
        base = inside[:1] if each.tag in ("mo", "msup", "msub", "msubsup") else ""
        depth += (base in ("(", "[", "{")) - (base in (")", "]", "}"))
        bars += base in ("|", "‖")
        if each.tag == "mo" and inside == "," and loose:
            parts.append([])
    return [part for part in parts if part]


def mathml(latex: str, display: str = "inline") -> str:
    """A formula as MathML; a long one in a line of text as several, between which the line may end."""
    found = convert(prepared(latex), display=display).replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")
    tree = ET.fromstring(found)
    polish(tree)
    row = list(tree[0])
    if display == "block" or len(row) < BREAKABLE:
        return ET.tostring(tree, encoding="unicode")
    written = []
    for part in pieces(row):
        whole = ET.Element("math")
        ET.SubElement(whole, "mrow").extend(part)
        written.append(ET.tostring(whole, encoding="unicode"))
    return "<wbr>".join(written)
