"""PDF files: pages are read (`page_reader`), the document is put together (`document`), chunks come out (`chunks`)."""
