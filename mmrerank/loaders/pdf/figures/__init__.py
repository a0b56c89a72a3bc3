"""The figures of a PDF page: what is drawn, which captions own it, and how it is cropped."""
