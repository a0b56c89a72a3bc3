"""The text of a PDF page: lines, reading order, running heads, headings, OCR paragraphs."""
