"""Vector figures of the demo report: diagrams and charts."""

from __future__ import annotations

import math

from reportlab.graphics.shapes import Circle, Drawing, Group, Polygon, PolyLine, Rect, String
from reportlab.lib.colors import Color, HexColor, white

WIDTH = 470.0  # width of the text column, in points
NAVY, TEAL, AMBER = HexColor("#1f3a5f"), HexColor("#2a7f7f"), HexColor("#c77b0a")
INK, GREY, RULE = HexColor("#22272e"), HexColor("#6b7480"), HexColor("#c9d0d8")
PAPER, SKY, MINT, SAND = (
    HexColor("#fafbfc"),
    HexColor("#e3ebf5"),
    HexColor("#e0f0ee"),
    HexColor("#fbeed7"),
)
Point = tuple[float, float]


class Sketch:
    """A framed drawing with the few shapes that the figures need."""

    def __init__(self, height: float, width: float = WIDTH) -> None:
        self.drawing = Drawing(width, height)
        self.rect(0.5, 0.5, width - 1, height - 1, PAPER, RULE)

    def rect(
        self, x: float, y: float, w: float, h: float, fill: Color, stroke: Color | None = None
    ) -> None:
        shape = Rect(x, y, w, h, fillColor=fill, strokeColor=stroke, strokeWidth=0.6)
        self.drawing.add(shape)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 8,
        anchor: str = "middle",
        color: Color = INK,
        bold: bool = False,
    ) -> None:
        font = "Helvetica-Bold" if bold else "Helvetica"
        self.drawing.add(
            String(x, y, words, fontName=font, fontSize=size, textAnchor=anchor, fillColor=color)
        )

    def box(self, x: float, y: float, w: float, h: float, words: str, fill: Color = SKY) -> None:
        """A rounded box; the first line of `words` is bold, further lines are small."""
        self.drawing.add(
            Rect(x, y, w, h, rx=3, ry=3, fillColor=fill, strokeColor=NAVY, strokeWidth=0.8)
        )
        lines = words.split("\n")
        top = y + h / 2 + (len(lines) - 1) * 5 - 3
        for i, line in enumerate(lines):
            self.text(x + w / 2, top - 10 * i, line, 8 if i == 0 else 7.2, bold=i == 0)

    def line(self, *points: Point, color: Color = RULE, width: float = 0.6) -> None:
        flat = [value for point in points for value in point]
        self.drawing.add(PolyLine(flat, strokeColor=color, strokeWidth=width))

    def arrow(self, *points: Point, color: Color = NAVY) -> None:
        """A line through `points` with a head at the last one."""
        self.line(*points, color=color, width=0.9)
        (x0, y0), (x1, y1) = points[-2:]
        angle = math.atan2(y1 - y0, x1 - x0)
        tip = [x1, y1]
        for turn in (2.75, -2.75):
            tip += [x1 + 6 * math.cos(angle + turn), y1 + 6 * math.sin(angle + turn)]
        self.drawing.add(Polygon(tip, fillColor=color, strokeColor=None))

    def upright(self, x: float, y: float, words: str, size: float = 8) -> None:
        """Text turned by 90 degrees, centred on (x, y): the title of a y axis."""
        label = String(0, 0, words, fontName="Helvetica", fontSize=size, textAnchor="middle")
        label.fillColor = GREY
        self.drawing.add(Group(label, transform=(0, 1, -1, 0, x, y)))


def answer_places() -> Drawing:
    """Figure 1: bar chart of the places where answers stood."""
    sketch = Sketch(176)
    bars = {
        "Running text": 61,
        "Line drawing": 34,
        "Data table": 26,
        "Test curve": 18,
        "Name plate": 13,
        "Pencil note": 8,
    }
    left, base, step, unit = 56, 34, 67, 1.9
    for tick in range(0, 70, 10):
        y = base + tick * unit
        sketch.line((left, y), (left + 6 * step, y))
        sketch.text(left - 5, y - 3, str(tick), 7.5, "end", GREY)
    for i, (name, value) in enumerate(bars.items()):
        x = left + i * step + 14
        sketch.rect(x, base, 39, value * unit, GREY if i == 0 else TEAL)
        sketch.text(x + 19.5, base + value * unit + 4, str(value), 8.5, bold=True)
        sketch.text(x + 19.5, base - 13, name)
    sketch.upright(24, base + 60, "Questions answered (of 160)")
    sketch.text(left + 3 * step, 8, "Place of the answer", color=GREY)
    return sketch.drawing


def pipeline() -> Drawing:
    """Figure 2: preparation of documents and treatment of one question."""
    sketch = Sketch(214)
    sketch.text(12, 196, "PREPARATION, ONCE PER DOCUMENT", 7.2, "start", GREY, True)
    sketch.box(12, 138, 74, 36, "PDF and scans\n1,240 files", SAND)
    sketch.box(116, 138, 74, 36, "Page parser\n8 workers")
    sketch.box(226, 158, 104, 30, "Text chunks\n320 tokens each")
    sketch.box(226, 118, 104, 30, "Figure crops\nsaved at 150 dpi")
    sketch.box(366, 158, 92, 30, "Two indexes\nBM25 and vectors", MINT)
    sketch.box(366, 118, 92, 30, "Image store\nkey: SHA-256", MINT)
    sketch.arrow((86, 156), (116, 156))
    sketch.arrow((190, 160), (208, 160), (208, 173), (226, 173))
    sketch.arrow((190, 152), (208, 152), (208, 133), (226, 133))
    sketch.arrow((330, 173), (366, 173))
    sketch.arrow((330, 133), (366, 133))
    sketch.line((12, 102), (458, 102))
    sketch.text(12, 88, "SEARCH, ONCE PER QUESTION", 7.2, "start", GREY, True)
    steps = [
        ("Question\nfrom the user", SAND),
        ("First stage\n2 x 90 hits", SKY),
        ("Rank fusion\nkeeps 48", SKY),
        ("Reranker\ntext + crops", SKY),
        ("Answer page\ntop 5 shown", MINT),
    ]
    for i, (words, fill) in enumerate(steps):
        x = 12 + i * 92.5
        sketch.box(x, 30, 76, 36, words, fill)
        if i:
            sketch.arrow((x - 16.5, 48), (x, 48))
    sketch.arrow((436, 118), (436, 94), (327.5, 94), (327.5, 66), color=TEAL)
    sketch.arrow((366, 168), (348, 168), (348, 108), (142.5, 108), (142.5, 66), color=TEAL)
    sketch.text(236, 12, "Green arrows: read access to stored data", 7.2, color=TEAL)
    return sketch.drawing


def two_readings() -> Drawing:
    """Figure 3: separate encoding of question and page against joint reading."""
    sketch = Sketch(218)
    sketch.text(113, 200, "Separate encoding (retrieval)", 9, bold=True)
    sketch.text(347, 200, "Joint reading (reranking)", 9, bold=True)
    sketch.line((226, 12), (226, 206))
    for x, name, source in ((22, "Question", "12 words"), (126, "Page", "text, image")):
        sketch.box(x, 16, 78, 28, f"{name}\n{source}", SAND)
        sketch.box(x, 72, 78, 30, f"{name} tower\nfrozen weights")
        sketch.box(x, 126, 78, 22, "1 vector", MINT)
        sketch.arrow((x + 39, 44), (x + 39, 72))
        sketch.arrow((x + 39, 102), (x + 39, 126))
    sketch.arrow((61, 148), (61, 175), (84, 175))
    sketch.arrow((165, 148), (165, 175), (142, 175))
    sketch.text(113, 172, "cosine 0.62", 8.5, bold=True, color=NAVY)
    sketch.box(238, 16, 62, 28, "Question\n12 words", SAND)
    sketch.box(312, 16, 62, 28, "Page text\n410 words", SAND)
    sketch.box(386, 16, 72, 28, "Page image\n1 crop", SAND)
    sketch.box(386, 58, 72, 22, "Vision encoder")
    sketch.box(386, 94, 72, 22, "Patch merger")
    sketch.box(238, 130, 220, 22, "Decoder layers")
    sketch.box(290, 166, 76, 22, "Score head", MINT)
    sketch.arrow((422, 44), (422, 58))
    sketch.arrow((422, 80), (422, 94))
    sketch.arrow((422, 116), (422, 130))
    sketch.arrow((269, 44), (269, 130))
    sketch.arrow((343, 44), (343, 130))
    sketch.arrow((328, 152), (328, 166))
    sketch.arrow((366, 177), (396, 177))
    sketch.text(400, 174, "score 0.87", 8.5, "start", NAVY, True)
    return sketch.drawing


def fan_out() -> Drawing:
    """Figure 5: one candidate, its parts, their scores and two fusion rules."""
    sketch = Sketch(178)
    parts = [
        ("Text\n2 paragraphs", 0.34),
        ("Crop A\nvalve schedule", 0.91),
        ("Crop B\ncompany logo", 0.05),
        ("Crop C\nexploded view", 0.47),
    ]
    sketch.box(12, 67, 84, 42, "Candidate\nManual 31\npage 18", SAND)
    for i, (words, score) in enumerate(parts):
        y = 130 - i * 38
        sketch.box(134, y, 92, 30, words)
        sketch.arrow((96, 88), (115, 88), (115, y + 15), (134, y + 15))
        sketch.line((226, y + 15), (240, y + 15), color=NAVY, width=0.9)
        sketch.rect(240, y + 9, 80, 12, white, RULE)
        sketch.rect(240, y + 9, 80 * score, 12, AMBER if score > 0.9 else TEAL)
        sketch.text(326, y + 11.5, f"{score:.2f}", 8.5, "start", bold=True)
        sketch.line((346, y + 15), (360, y + 15), (360, 88), color=NAVY, width=0.9)
    sketch.box(384, 103, 74, 34, "Maximum\n0.91", MINT)
    sketch.box(384, 39, 74, 34, "Mean\n0.44", MINT)
    sketch.arrow((360, 88), (372, 88), (372, 120), (384, 120))
    sketch.arrow((360, 88), (372, 88), (372, 56), (384, 56))
    sketch.text(421, 164, "Fusion rule", 7.2, color=GREY)
    sketch.text(54, 130, "Question asks for", 7.2, color=GREY)
    sketch.text(54, 120, "a valve setting", 7.2, color=GREY)
    sketch.text(280, 164, "Score of the part", 7.2, color=GREY)
    return sketch.drawing


def stage_times() -> Drawing:
    """Figure 6: horizontal bars with the time of each stage."""
    sketch = Sketch(152)
    stages = [
        ("Keyword lookup", 7, GREY),
        ("Vector lookup", 12, GREY),
        ("Load image files", 58, TEAL),
        ("Resize to patches", 93, TEAL),
        ("Reranker forward pass", 415, NAVY),
        ("Sort and trim", 2, GREY),
    ]
    left, unit = 118, 0.68
    for tick in range(0, 500, 100):
        sketch.line((left + tick * unit, 30), (left + tick * unit, 142))
        sketch.text(left + tick * unit, 20, str(tick), 7.5, color=GREY)
    for i, (name, value, color) in enumerate(stages):
        y = 124 - i * 18
        sketch.text(left - 6, y + 3, name, 8, "end")
        sketch.rect(left, y, value * unit, 12, color)
        sketch.text(left + value * unit + 4, y + 3, f"{value} ms", 8, "start", bold=True)
    sketch.text(left + 150, 7, "Milliseconds per question, 48 candidates", color=GREY)
    return sketch.drawing


def state_reuse() -> Drawing:
    """Figure 7: timelines of three questions without and with a stored prefix."""
    sketch = Sketch(172)
    left, unit = 84, 0.166

    def span(start: float, length: float, y: float, words: str, fill: Color) -> None:
        sketch.rect(left + start * unit, y, length * unit, 18, fill, NAVY)
        sketch.text(left + (start + length / 2) * unit, y + 6, words, 7)

    for tick in range(0, 2400, 400):
        x = left + tick * unit
        sketch.line((x, 34), (x, 140))
        sketch.text(x, 24, str(tick), 7.5, color=GREY)
    for i, name in enumerate("ABC"):
        span(685 * i, 640, 120, "Read page 214: 640 ms", SKY)
        span(685 * i + 640, 45, 120, "", AMBER)
        sketch.text(left + (685 * i + 662) * unit, 142, f"Q {name}", 7, color=AMBER)
        span(640 + 45 * i, 45, 84, "", AMBER)
    span(0, 640, 84, "Read page 214: 640 ms", SKY)
    span(640, 1360, 48, "Page state held: 38 MB", MINT)
    sketch.arrow((left + 706 * unit, 84), (left + 706 * unit, 66), color=TEAL)
    for y, name in ((126, "No reuse"), (90, "With reuse"), (54, "Cache")):
        sketch.text(left - 8, y, name, 8, "end", bold=True)
    sketch.text(left + 2055 * unit + 5, 126, "2055 ms", 8, "start", NAVY, True)
    sketch.rect(left + 790 * unit, 86, 116, 14, PAPER)
    sketch.text(left + 775 * unit + 5, 90, "775 ms for Q A, Q B and Q C", 8, "start", NAVY, True)
    sketch.text(left + 2000 * unit + 5, 54, "evicted", 8, "start", AMBER, True)
    sketch.text(left + 1000 * unit, 9, "Time since the first question (ms)", color=GREY)
    return sketch.drawing


def quality_curves() -> Drawing:
    """Figure 8: line chart of quality against the number of candidates."""
    sketch = Sketch(196)
    counts = (5, 10, 20, 40, 80, 160)
    curves = [
        ("Text + image", (55, 66, 76, 83, 85, 86), NAVY),
        ("Text + OCR words", (52, 58, 63, 66, 67, 67), TEAL),
        ("Text only", (48, 51, 53, 54, 54, 53), AMBER),
    ]
    left, base, step, unit = 56, 38, 56, 2.8
    for tick in range(40, 100, 10):
        y = base + (tick - 40) * unit
        sketch.line((left, y), (left + 5 * step + 16, y))
        sketch.text(left - 6, y - 3, str(tick), 7.5, "end", GREY)
    for i, count in enumerate(counts):
        sketch.text(left + i * step + 8, base - 13, str(count), 7.5, color=GREY)
    for row, (name, values, color) in enumerate(curves):
        points = [(left + i * step + 8, base + (v - 40) * unit) for i, v in enumerate(values)]
        sketch.line(*points, color=color, width=1.6)
        for x, y in points:
            sketch.drawing.add(Circle(x, y, 2.4, fillColor=color, strokeColor=white))
        sketch.text(
            points[-1][0] + 7, points[-1][1] - 3, f"{values[-1]} %", 8, "start", color, True
        )
        y = 168 - row * 15
        sketch.line((376, y + 3), (392, y + 3), color=color, width=1.6)
        sketch.text(397, y, name, 7.5, "start")
    sketch.upright(26, base + 70, "Right page among first three (%)")
    sketch.text(left + 2.6 * step, 9, "Candidates read by the reranker", color=GREY)
    return sketch.drawing
