"""Pages with figures whose boxes are known: drawn here, so that they can be distributed.

Brochures, slides, two-column papers, small multiples, reports with titles above their charts,
clipped photographs, manuals. `make_pages(folder)` writes one PDF a kind and returns the labels.
"""

from __future__ import annotations

import io
import random
from pathlib import Path

import pymupdf
from PIL import Image, ImageDraw, ImageFilter

WORDS = (
    "belt hall engine speed water market growth region price energy report value people model "
    "surface method result measure between under carries holds shows turns rises falls every "
    "older newer during first second quarter factory river harbour bridge signal current"
).split()
COLORS = [(0.12, 0.37, 0.65), (0.85, 0.4, 0.1), (0.2, 0.55, 0.3), (0.6, 0.2, 0.4), (0.9, 0.7, 0.1)]
Box = tuple[float, float, float, float]


class Pages:
    """One PDF while it is drawn, with the labels of its figures."""

    def __init__(self, seed: int, width: float = 595, height: float = 842) -> None:
        self.random = random.Random(seed)
        self.document = pymupdf.open()
        self.size = (width, height)
        self.labels: list[dict] = []

    def new(self) -> pymupdf.Page:
        self.page = self.document.new_page(width=self.size[0], height=self.size[1])
        return self.page

    def label(self, box: Box, kind: str) -> None:
        rounded = [round(value, 1) for value in box]
        self.labels.append({"page": self.document.page_count, "box": rounded, "kind": kind})

    def text(self, words: int) -> str:
        chosen = [self.random.choice(WORDS) for _ in range(words)]
        return " ".join(chosen).capitalize() + "."

    def prose(self, box: Box, size: float = 10.0) -> None:
        """Fill a box with lines of prose."""
        x0, y0, x1, y1 = box
        y = y0 + size
        while y < y1:
            line = ""
            while True:
                word = self.random.choice(WORDS)
                if pymupdf.get_text_length(f"{line} {word}", fontsize=size) > x1 - x0:
                    break
                line = f"{line} {word}".strip()
            self.page.insert_text((x0, y), line, fontsize=size)
            y += 1.25 * size

    def put(self, x: float, y: float, text: str, size: float = 8.0, **options) -> Box:
        """Text with its baseline at y; its box."""
        self.page.insert_text((x, y), text, fontsize=size, **options)
        return (
            x,
            y - 0.75 * size,
            x + pymupdf.get_text_length(text, fontsize=size),
            y + 0.2 * size,
        )

    def chart(self, box: Box, *, title: str = "", axis: str = "", legend: bool = False) -> Box:
        """A chart with everything that belongs to it inside the box."""
        x0, y0, x1, y1 = box
        drawn = [box]
        top = y0 + (14 if title else 2)
        if title:
            drawn.append(self.put(x0 + 4, y0 + 9, title, 8.5))
        left, bottom, right = x0 + (28 if axis else 18), y1 - 14, x1 - (60 if legend else 4)
        if axis:
            middle = (top + bottom) / 2 + 20
            self.page.insert_text((x0 + 7, middle), axis, fontsize=7, rotate=90)
        self.page.draw_line((left, top), (left, bottom), width=0.6)
        self.page.draw_line((left, bottom), (right, bottom), width=0.6)
        for index in range(4):
            y = bottom - (bottom - top) * index / 3.5
            self.put(left - 14, y + 2, str(index * 10), 6.5)
            if index:
                self.page.draw_line((left, y), (right, y), color=(0.85,) * 3, width=0.4)
        style = self.random.choice(["bars", "lines", "area", "dots"])
        self._series(style, left, top, right, bottom)
        for index in range(5):
            self.put(left + (right - left) * (index + 0.3) / 5, y1 - 4, f"{2018 + index}", 6.5)
        for index in range(3 if legend else 0):
            y = top + 12 * index
            self.page.draw_rect((right + 8, y, right + 14, y + 6), fill=COLORS[index], width=0)
            self.put(right + 17, y + 6, self.random.choice(WORDS), 6.5)
        return box

    def _series(self, style: str, left: float, top: float, right: float, bottom: float) -> None:
        count = 8
        for series in range(2):
            color = self.random.choice(COLORS)
            values = [self.random.uniform(0.2, 0.9) for _ in range(count)]
            points = [
                (left + (right - left) * (i + 0.5) / count, bottom - (bottom - top) * v)
                for i, v in enumerate(values)
            ]
            if style == "bars":
                for x, y in points[series::2]:
                    self.page.draw_rect((x - 4, y, x + 4, bottom), color=color, fill=color)
            elif style == "dots":
                for x, y in points:
                    self.page.draw_circle((x, y), 2, color=color, fill=color)
            elif style == "area":
                outline = [(points[0][0], bottom), *points, (points[-1][0], bottom)]
                self.page.draw_polyline(outline, color=color, fill=color, fill_opacity=0.4)
            else:
                self.page.draw_polyline(points, color=color, width=1.2)

    def photo(self, box: Box, shown: Box | None = None) -> None:
        """A photograph; `shown` is the part that a clip leaves of it."""
        width, height = int(box[2] - box[0]) * 2, int(box[3] - box[1]) * 2
        image = Image.effect_noise((width, height), 60).convert("RGB")
        draw = ImageDraw.Draw(image)
        base = tuple(self.random.randrange(40, 200) for _ in range(3))
        draw.rectangle((0, height // 2, width, height), fill=base)
        draw.ellipse((width // 4, height // 5, 3 * width // 4, 4 * height // 5), fill=base[::-1])
        data = io.BytesIO()
        image.filter(ImageFilter.GaussianBlur(2)).save(data, "JPEG", quality=70)
        self.page.insert_image(box, stream=data.getvalue(), keep_proportion=False)
        if shown:
            self._clip_last(shown)

    def _clip_last(self, shown: Box) -> None:
        """Put a clip around what was drawn last."""
        xref = self.page.get_contents()[-1]
        content = self.document.xref_stream(xref)
        x0, y0, x1, y1 = shown
        height = self.size[1]
        clip = f"q {x0} {height - y1} {x1 - x0} {y1 - y0} re W n\n".encode()
        self.document.update_stream(xref, clip + content + b"\nQ\n")


def two_columns(pages: Pages) -> None:
    """A paper: charts in columns and across, captions below, panels (a) and (b)."""
    number = 0
    for _ in range(5):
        pages.new()
        pages.put(50, 30, "Journal of belts and halls", 8)
        for x in (50, 310):
            y = pages.random.uniform(120, 200)
            pages.prose((x, 50, x + 235, y - 20))
            box = pages.chart((x + 5, y, x + 230, y + 150), axis="Speed (m/s)", legend=True)
            number += 1
            pages.label(box, "vector")
            caption = f"Figure {number}. " + pages.text(8)
            pages.put(x, y + 166, caption, 9)
            pages.prose((x, y + 185, x + 235, 520))
        panels = [pages.chart((60 + 165 * i, 535, 215 + 165 * i, 640)) for i in range(3)]
        marks = [pages.put(130 + 165 * i, 654, f"({'abc'[i]})", 8) for i in range(3)]
        number += 1
        pages.label((panels[0][0], 535, panels[-1][2], marks[0][3]), "vector")
        pages.put(50, 675, f"Figure {number}. " + pages.text(14), 9)
        pages.prose((50, 695, 285, 790))
        pages.prose((310, 695, 545, 790))


def small_multiples(pages: Pages) -> None:
    """Grids of small charts with a title over each, and one caption."""
    for index, (rows, columns) in enumerate([(2, 3), (3, 3), (4, 3), (3, 4), (2, 4), (5, 2)]):
        pages.new()
        pages.prose((60, 60, 535, 130))
        width, height = 475 / columns, 440 / rows
        for row in range(rows):
            for column in range(columns):
                x, y = 60 + column * width, 150 + row * height
                title = pages.random.choice(WORDS).capitalize()
                pages.chart((x, y, x + width - 14, y + height - 16), title=title)
        pages.label((60, 150, 535 - 14, 150 + 440 - 16), "vector")
        pages.put(60, 605, f"Figure {index + 1}: " + pages.text(10), 9.5)
        pages.prose((60, 625, 535, 780))


def titles_above(pages: Pages) -> None:
    """A survey report: the numbered title stands above, long labels left, a source below."""
    number = 0
    for _ in range(6):
        pages.new()
        pages.prose((60, 50, 535, 110))
        for y in (130, 440):
            number += 1
            pages.put(60, y, f"Figure {number}. " + pages.text(7), 10, fontname="hebo")
            rows = pages.random.randrange(6, 11)
            right = 0.0
            for row in range(rows):
                top = y + 18 + row * 20
                pages.put(66, top + 9, pages.text(4)[:34], 8)
                length = pages.random.uniform(60, 280)
                color = pages.random.choice(COLORS[:2])
                pages.page.draw_rect((215, top, 215 + length, top + 12), fill=color, width=0)
                right = max(right, pages.put(220 + length, top + 9, f"{length / 3:.0f}%", 8)[2])
            bottom = y + 18 + rows * 20
            pages.label((66, y + 16, right, bottom - 6), "vector")
            pages.put(60, bottom + 10, "Source: own survey, 1,204 answers", 7)
            pages.prose((60, bottom + 30, 535, y + 295))


def slides(pages: Pages) -> None:
    """A title, points at the left, a chart or a photograph at the right; a coloured bar."""
    for index in range(10):
        pages.new()
        pages.page.draw_rect((0, 0, 960, 70), fill=(0.1, 0.2, 0.4), width=0)
        pages.put(40, 45, pages.text(5), 26, color=(1, 1, 1))
        for point in range(4):
            y = 130 + 60 * point
            pages.page.draw_circle((50, y - 6), 4, fill=(0.1, 0.2, 0.4))
            pages.put(65, y, pages.text(5), 17)
        if index % 3 == 2:
            box = (520, 110, 900, 420)
            pages.photo(box)
            pages.label(box, "raster")
        elif index % 3 == 1:
            for column in range(2):
                box = pages.chart((500 + 220 * column, 120, 700 + 220 * column, 400), title="Sales")
                pages.label(box, "vector")
        else:
            pages.label(pages.chart((500, 110, 920, 440), axis="Units", legend=True), "vector")
        pages.put(40, 520, "Belts and halls", 10)
        pages.put(900, 520, str(index + 1), 10)


def brochures(pages: Pages) -> None:
    """Photographs to the edges, coloured panels of text, photographs side by side, clipped ones."""
    for index in range(8):
        pages.new()
        if index % 4 == 0:
            pages.photo((0, 0, 595, 380))
            pages.label((0, 0, 595, 380), "raster")
            pages.put(40, 440, pages.text(4), 28)
            pages.prose((40, 470, 555, 640), 11)
        elif index % 4 == 1:
            pages.page.draw_rect((0, 0, 200, 842), fill=(0.9, 0.93, 0.96), width=0)
            pages.prose((20, 60, 180, 400))
            for y in (60, 320):
                pages.photo((230, y, 570, y + 220))
                pages.label((230, y, 570, y + 220), "raster")
            pages.prose((230, 570, 570, 760))
        elif index % 4 == 2:
            for column in range(3):
                x = 40 + 180 * column
                pages.photo((x, 100, x + 155, 220))
                pages.label((x, 100, x + 155, 220), "raster")
                pages.put(x, 245, pages.random.choice(WORDS).upper(), 12, fontname="hebo")
                pages.prose((x, 260, x + 155, 420))
            pages.page.draw_rect((40, 450, 555, 560), fill=(0.95, 0.9, 0.8), width=0)
            pages.prose((60, 470, 535, 545))
            pages.label(pages.chart((60, 600, 330, 780), title="Growth", legend=True), "vector")
            pages.prose((350, 600, 555, 780))
        else:
            pages.prose((40, 60, 290, 420))
            pages.photo((250, 40, 700, 460), shown=(320, 80, 555, 400))
            pages.label((320, 80, 555, 400), "raster")
            pages.photo((-40, 400, 640, 900), shown=(60, 480, 540, 700))
            pages.label((60, 480, 540, 700), "raster")
            pages.prose((40, 720, 555, 800))
        pages.put(520, 825, f"{index + 1}", 8)


def manuals(pages: Pages) -> None:
    """Screenshots with callouts, line drawings with numbers, flow charts; captions below."""
    number = 0
    for index in range(9):
        pages.new()
        pages.put(60, 40, "Operator's handbook", 8)
        pages.prose((60, 70, 535, 200))
        number += 1
        if index % 3 == 0:
            pages.photo((110, 220, 470, 430))
            for y in (250, 330, 400):
                pages.page.draw_line((470, y), (500, y - 10), color=(0.8, 0, 0))
                pages.put(503, y - 8, pages.random.choice(WORDS), 8)
            pages.label((110, 220, 535, 430), "mixed")
        elif index % 3 == 1:
            _flow_chart(pages)
            pages.label((100, 220, 495, 430), "vector")
        else:
            pages.page.draw_rect((80, 220, 515, 430), width=0.7)
            for part in range(6):
                x, y = 120 + 65 * part, 260 + 25 * (part % 3)
                pages.page.draw_circle((x, y + 40), 22)
                pages.page.draw_line((x, y + 18), (x + 12, y - 10), width=0.5)
                pages.put(x + 13, y - 10, str(part + 1), 8)
            pages.label((80, 220, 515, 430), "vector")
        pages.put(
            60, 450, f"Figure {1 + index // 3}-{number}. " + pages.text(6), 9, fontname="heit"
        )
        pages.prose((60, 470, 535, 600))
        pages.photo((60, 620, 200, 740))
        pages.label((60, 620, 200, 740), "raster")
        pages.prose((220, 620, 535, 740))


def panels(pages: Pages) -> None:
    """Charts on tinted panels beside prose, covers, pie charts, maps of many small shapes."""
    for index in range(8):
        pages.new()
        if index % 4 == 0:
            pages.page.draw_rect((40, 60, 555, 420), fill=(0.93, 0.96, 0.9), width=0)
            pages.put(60, 85, pages.text(4), 14, fontname="hebo")
            pages.prose((60, 100, 280, 400))
            pages.label(pages.chart((300, 100, 540, 390), title="Prices", axis="EUR"), "vector")
            pages.prose((40, 450, 555, 780))
        elif index % 4 == 1:
            pages.photo((0, 0, 595, 842))
            pages.put(60, 150, pages.text(4), 30, color=(1, 1, 1))
            pages.put(60, 190, pages.text(7), 14, color=(1, 1, 1))
            pages.label((0, 0, 595, 842), "page")
        elif index % 4 == 2:
            pages.prose((40, 60, 555, 200))
            for column in range(2):
                centre = (165 + 265 * column, 320)
                start = pymupdf.Point(centre[0], centre[1] - 80)
                for part in range(4):
                    color = COLORS[part]
                    start = pages.page.draw_sector(centre, start, -90, fill=color, width=0.5)
                    place = (centre[0] + (95 if part in (0, 3) else -125), 260 + 100 * (part // 2))
                    pages.put(*place, f"{pages.random.choice(WORDS)}", 8)
                x = centre[0]
                pages.label((x - 125, 240, x + 125, 400), "vector")
            pages.prose((40, 450, 555, 600))
        else:
            pages.put(40, 60, f"Map {index}: " + pages.text(5), 11, fontname="hebo")
            for _ in range(260):
                x, y = pages.random.uniform(70, 500), pages.random.uniform(90, 440)
                corners = [(x, y), (x + 22, y + 4), (x + 17, y + 25), (x - 5, y + 18)]
                color = pages.random.choice(COLORS)
                pages.page.draw_polyline(corners, fill=color, closePath=True, width=0.3)
            pages.label((65, 90, 522, 465), "vector")
            pages.prose((40, 500, 555, 780))
        pages.put(500, 825, f"Belts and halls   {index + 1}", 8)


def _flow_chart(pages: Pages) -> None:
    for row in range(3):
        for column in range(3):
            x, y = 100 + 145 * column, 220 + 75 * row
            pages.page.draw_rect((x, y, x + 105, y + 60), fill=(0.93, 0.95, 1), width=0.8)
            pages.put(x + 10, y + 28, pages.random.choice(WORDS).capitalize(), 9)
            pages.put(x + 10, y + 41, pages.random.choice(WORDS), 9)
            if column < 2:
                pages.page.draw_line((x + 105, y + 30), (x + 145, y + 30), width=0.8)
                tip = [(x + 139, y + 27), (x + 145, y + 30), (x + 139, y + 33)]
                pages.page.draw_polyline(tip, fill=(0, 0, 0))


KINDS = {
    "two_columns": (two_columns, 595, 842),
    "small_multiples": (small_multiples, 595, 842),
    "titles_above": (titles_above, 595, 842),
    "slides": (slides, 960, 540),
    "brochures": (brochures, 595, 842),
    "manuals": (manuals, 595, 842),
    "panels": (panels, 595, 842),
}


def make_pages(folder: Path) -> dict[str, list[dict]]:
    """Write the PDFs; the labels of each, by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = {}
    for seed, (name, (draw, width, height)) in enumerate(KINDS.items()):
        pages = Pages(seed, width, height)
        draw(pages)
        pages.document.save(folder / f"{name}.pdf", garbage=4, deflate=True)
        labels[name] = pages.labels
    return labels
