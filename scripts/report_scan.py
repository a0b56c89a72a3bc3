"""The raster figures of the demo report: a loan card, as if scanned, and pasted charts."""

from __future__ import annotations

import io
import random

import pymupdf
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps
from reportlab.graphics import renderPDF
from reportlab.graphics.shapes import Drawing

_Lines = tuple[tuple[int, int, str, str, int], ...]
"""x and y in points, words, font, size"""


def card_lines(drawing: str, first: str, second: str, place: str, person: str) -> _Lines:
    """The typed lines of a loan card."""
    return (
        (40, 62, "NORTHMERE WORKS", "cobo", 27),
        (40, 88, "Drawing office - loan card", "cour", 17),
        (40, 140, f"Drawing   {drawing}", "cobo", 21),
        (40, 176, f"Subject   {first}", "cour", 21),
        (40, 204, f"          {second}", "cour", 21),
        (40, 240, f"Shelf     {place}", "cour", 21),
        (40, 276, f"Lent to   {person}", "cour", 21),
        (40, 312, "Due back  14 March 1968", "cour", 21),
        (40, 370, "replaces 4398-B, see also pump log", "tiit", 20),
    )


CARD_LINES = card_lines(
    "4471-C", "Gland packing,", "feed pump", "R12, box 7", "H. Orme, boiler house"
)


DESK, RED = (88, 84, 80), (150, 40, 40)


def typed_card(lines: _Lines) -> Image.Image:
    """The card with its typed lines, before it is scanned."""
    document = pymupdf.open()
    page = document.new_page(width=540, height=400)
    for x, y, words, font, size in lines:
        page.insert_text((x, y), words, fontname=font, fontsize=size, color=(0.1, 0.1, 0.2))
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(1.5, 1.5))
    ink = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
    card = ImageChops.multiply(ink, Image.new("RGB", ink.size, (243, 234, 208)))
    pen = ImageDraw.Draw(card)
    for y in (150, 512):
        pen.line((50, y, 760, y), fill=(178, 92, 80), width=2)
    pen.ellipse((385, 569, 425, 593), fill=DESK)
    return card


def stamp(words: str) -> Image.Image:
    """A slanted rubber stamp, as a mask of its ink."""
    mask = Image.new("L", (190, 60), 0)
    pen = ImageDraw.Draw(mask)
    pen.rectangle((3, 3, 186, 56), outline=150, width=4)
    pen.text((95, 30), words, fill=150, font=ImageFont.load_default(34), anchor="mm")
    return mask.rotate(14, expand=True, resample=Image.Resampling.BICUBIC)


def index_card(lines: _Lines = CARD_LINES) -> io.BytesIO:
    """Figure 4: the card, slightly tilted, blurred and grainy, as a JPEG file."""
    card = typed_card(lines)
    card.paste(RED, (590, 40), stamp("ON LOAN"))
    card = ImageOps.expand(card, border=16, fill=DESK)
    card = card.rotate(-1.6, fillcolor=DESK, resample=Image.Resampling.BICUBIC)
    card = card.filter(ImageFilter.GaussianBlur(0.6))
    pixels = random.Random(7).randbytes(card.width * card.height)
    noise = Image.frombytes("L", card.size, pixels).filter(ImageFilter.GaussianBlur(0.7))
    scan = io.BytesIO()
    grainy = Image.blend(card, Image.merge("RGB", [noise] * 3), 0.12)
    grainy.save(scan, "JPEG", quality=78, optimize=True)
    scan.seek(0)
    return scan


def pasted(drawing: Drawing) -> io.BytesIO:
    """A drawing as a PNG picture, as charts that were pasted from a spreadsheet are."""
    with pymupdf.open(stream=renderPDF.drawToString(drawing), filetype="pdf") as page:
        pixels = page[0].get_pixmap(dpi=160)
    picture = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
    png = io.BytesIO()
    picture.quantize(64).save(png, "PNG", optimize=True)
    png.seek(0)
    return png
