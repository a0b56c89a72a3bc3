"""Evaluation: how well searches and rerankers find known evidence, and whether a difference is real.

`mmrerank eval` is the command line's way to it. Needs the extra `eval`.
"""
