"""The demo: a report that ships with the package, questions about its figures, and a run."""
