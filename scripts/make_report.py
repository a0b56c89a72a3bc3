"""Write the illustrated demo report as a PDF: `python scripts/make_report.py [OUT]`.

The output is deterministic: two runs give the same bytes.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import report_figures as figures
import report_scan
from report_practice import PRACTICE
from report_text import METHODS, NOTE, SUBTITLE, TABLE, TITLE
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BalancedColumns,
    BaseDocTemplate,
    Flowable,
    Frame,
    Image,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

DEFAULT_OUT = Path(__file__).resolve().parent.parent / "mmrerank" / "demo" / "report.pdf"
UNNUMBERED = ("Glossary", "References")
PASTED = ("answer_places", "fan_out", "state_reuse")
"""Figures that stand in the report as pictures, without a text layer."""
MARGIN = (A4[0] - figures.WIDTH) / 2

BODY_STYLE = ParagraphStyle(
    "body",
    fontName="Times-Roman",
    fontSize=10.4,
    leading=13.6,
    alignment=TA_JUSTIFY,
    spaceAfter=6.5,
    textColor=figures.INK,
    allowWidows=0,
    allowOrphans=0,
)
NARROW_STYLE = ParagraphStyle("narrow", BODY_STYLE, fontSize=9.8, leading=12.6, alignment=0)
REFERENCE_STYLE = ParagraphStyle(
    "reference",
    NARROW_STYLE,
    fontSize=9.4,
    leading=11.8,
    leftIndent=20,
    spaceAfter=3,
    bulletFontName="Times-Roman",
    bulletFontSize=9.4,
)
CAPTION_STYLE = ParagraphStyle(
    "caption",
    fontName="Helvetica",
    fontSize=8.4,
    leading=10.6,
    textColor=figures.GREY,
    spaceBefore=4,
    spaceAfter=9,
)
HEADING_STYLES = [
    ParagraphStyle(
        f"heading{level}",
        fontName="Helvetica-Bold",
        fontSize=size,
        leading=size * 1.25,
        textColor=figures.NAVY,
        spaceBefore=before,
        spaceAfter=4,
        keepWithNext=1,
    )
    for level, size, before in ((1, 14, 9), (2, 10.6, 4))
]
CELL_STYLE = ParagraphStyle("cell", fontName="Helvetica", fontSize=8, leading=10)
HEAD_STYLE = ParagraphStyle("head", CELL_STYLE, fontName="Helvetica-Bold", textColor=figures.white)


class Report(BaseDocTemplate):
    """A4 pages with a running header and a footer that counts the pages."""

    def __init__(self, out: BinaryIO, pages: int) -> None:
        super().__init__(out, pagesize=A4, title=TITLE, author="mmrerank", invariant=1)
        self.pages = pages
        self.sections: list[tuple[int, str]] = []  # page of the start, heading
        frame = Frame(MARGIN, 18.5 * mm, figures.WIDTH, A4[1] - 41 * mm, 0, 0, 0, 0, id="body")
        self.addPageTemplates(PageTemplate("page", [frame], onPageEnd=self.draw_header_and_footer))

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 (reportlab's name)
        style = getattr(flowable, "style", None)
        if style in HEADING_STYLES:
            level = HEADING_STYLES.index(style)
            words = flowable.getPlainText()
            key = f"section-{words.split()[0]}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(words, key, level)
            if level == 0:
                self.sections.append((self.page, words))

    def running_head(self) -> str:
        """The first section that starts on this page, or else the one in progress."""
        started = [words for page, words in self.sections if page == self.page]
        return started[0] if started else self.sections[-1][1]

    def draw_header_and_footer(self, canvas: Canvas, _: BaseDocTemplate) -> None:
        """Draw header and footer of the page that has just been filled."""
        top, bottom, right = A4[1] - 14 * mm, 12 * mm, A4[0] - MARGIN
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(figures.GREY)
        canvas.drawString(MARGIN, top, TITLE)
        canvas.drawRightString(right, top, self.running_head())
        canvas.drawString(MARGIN, bottom, "mmrerank documentation")
        canvas.drawRightString(right, bottom, f"Page {self.page} of {self.pages}")
        canvas.setStrokeColor(figures.RULE)
        canvas.setLineWidth(0.5)
        canvas.line(MARGIN, top - 5, right, top - 5)
        canvas.line(MARGIN, bottom + 11, right, bottom + 11)


class Typesetter:
    """Turns the markup described in `report_text.py` into flowables."""

    def __init__(self, markup: str) -> None:
        self.blocks: Iterator[str] = iter(" ".join(b.split()) for b in markup.split("\n\n"))
        self.numbers = [0, 0]
        self.figure_count = 0

    def flowables(self, style: ParagraphStyle = BODY_STYLE) -> list[Flowable]:
        return [flowable for block in self.until_end() for flowable in self.block(block, style)]

    def until_end(self) -> Iterator[str]:
        """The blocks up to the next `@end` or the end of the markup."""
        return (block for block in iter(lambda: next(self.blocks, "@end"), "@end") if block)

    def block(self, block: str, style: ParagraphStyle) -> list[Flowable]:
        command, _, rest = block.partition(" ")
        if command in ("#", "##"):
            return [self.heading(rest, len(command) - 1)]
        if command == "@figure":
            return [KeepTogether(self.figure(rest))]
        if command == "@side":
            return [self.side(rest)]
        if command == "@table":
            return [KeepTogether(comparison_table(rest))]
        if command == "@columns":
            return [BalancedColumns(self.flowables(NARROW_STYLE), nCols=2, innerPadding=16)]
        if command == "@list":
            return [
                Paragraph(words, REFERENCE_STYLE, bulletText=f"[{i}]")
                for i, words in enumerate(self.until_end(), 1)
            ]
        return [Paragraph(block, style)]

    def heading(self, words: str, level: int) -> Paragraph:
        if words not in UNNUMBERED:
            self.numbers[level] += 1
            self.numbers[level + 1 :] = [0] * (1 - level)
            words = ".".join(str(n) for n in self.numbers[: level + 1]) + f"&nbsp; {words}"
        return Paragraph(words, HEADING_STYLES[level])

    def caption(self, words: str) -> Paragraph:
        self.figure_count += 1
        return Paragraph(f"<b>Figure {self.figure_count}:</b> {words}", CAPTION_STYLE)

    def figure(self, rest: str) -> list[Flowable]:
        name, _, words = rest.partition(" ")
        drawing = getattr(figures, name)()
        if name in PASTED:
            picture = Image(report_scan.pasted(drawing), drawing.width, drawing.height)
            return [Spacer(0, 3), picture, self.caption(words)]
        return [Spacer(0, 3), drawing, self.caption(words)]

    def side(self, rest: str) -> Table:
        """Paragraphs on the left, the scanned picture with its caption on the right."""
        _, _, words = rest.partition(" ")
        width = 226.0
        scan = Image(report_scan.index_card(), width=width, height=width * 632 / 842)
        right = [Spacer(0, 3), scan, self.caption(words)]
        left = self.flowables(NARROW_STYLE)
        table = Table(
            [[left, right]], colWidths=[figures.WIDTH - width - 14, width + 14], spaceAfter=6
        )
        table.setStyle(
            TableStyle(
                [
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("LEFTPADDING", (0, 0), (0, 0), 0),
                    ("LEFTPADDING", (1, 0), (1, 0), 14),
                    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                    ("TOPPADDING", (0, 0), (-1, -1), 0),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
                ]
            )
        )
        return table


def comparison_table(words: str) -> list[Flowable]:
    head, *rows = TABLE
    cells = [[Paragraph(cell, HEAD_STYLE) for cell in head]]
    cells += [[Paragraph(cell, CELL_STYLE) for cell in row] for row in rows]
    table = Table(cells, colWidths=[90, 130, 122, 128])
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), figures.NAVY),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [figures.white, figures.PAPER]),
                ("LINEBELOW", (0, 1), (-1, -1), 0.4, figures.RULE),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ]
        )
    )
    caption = ParagraphStyle("above", CAPTION_STYLE, spaceAfter=4)
    return [Paragraph(f"<b>Table 1:</b> {words}", caption), table, Spacer(0, 10)]


def title_block() -> list[Flowable]:
    title = ParagraphStyle("title", HEADING_STYLES[0], fontSize=24, leading=29, keepWithNext=0)
    subtitle = ParagraphStyle("subtitle", CAPTION_STYLE, fontSize=12, leading=15, spaceAfter=8)
    note = ParagraphStyle(
        "note",
        BODY_STYLE,
        fontSize=9.4,
        leading=12,
        backColor=figures.SAND,
        borderPadding=(6, 8, 7, 8),
        leftIndent=8,
        rightIndent=8,
        spaceBefore=8,
        spaceAfter=16,
    )
    return [
        Paragraph(TITLE, title),
        Paragraph(SUBTITLE, subtitle),
        Spacer(0, 8),
        Paragraph(NOTE, note),
    ]


def typeset(out: BinaryIO, pages: int = 0) -> int:
    """Write the report to `out` and return its number of pages."""
    report = Report(out, pages)
    report.build(title_block() + Typesetter(METHODS + PRACTICE).flowables())
    return report.page


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the demo report as a PDF.")
    parser.add_argument("out", nargs="?", type=Path, default=DEFAULT_OUT)
    path: Path = parser.parse_args().out
    pages = typeset(io.BytesIO())
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        typeset(out, pages)
    print(f"{path}: {pages} pages, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
