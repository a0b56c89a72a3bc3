"""How cards look: a style sheet for documents, and the same in single elements for notebooks.

No color carries a meaning alone: what is marked is also underlined, framed or named. Contrasts are
at least 4.5 to 1 on both backgrounds.
"""

from __future__ import annotations

import base64
import hashlib

__all__ = ["INLINE", "SHEET", "SHEET_HASH"]

SHEET = """
:root { color-scheme: light dark; --ink: #1c1e21; --dim: #565b63; --paper: #fafafa; --card: #fff;
  --line: #d4d7dc; --accent: #a3124f; --mark: #fff0a8; --said: #eef3fb; --for: #d81b60; --against: #1e5ac8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e9eb; --dim: #a9aeb7; --paper: #141518;
  --card: #1e2024; --line: #3a3e45; --accent: #ff8fb8; --mark: #5a4a00; --said: #232b38; --for: #ff5c93; --against: #6ea8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: .5rem 0; }
a { color: var(--accent); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: 1rem; margin: 1rem 0; }
.place { font-size: 1.1rem; margin: 0 0 .5rem; }
.rank { color: var(--accent); }
.facts { margin: 0 0 .75rem; font-size: .9rem; }
.facts > div { display: flex; gap: .5rem; }
.name { color: var(--dim); flex: 0 0 4.5rem; }
.value { margin: 0; min-width: 0; }
.parts, .ranks { border-collapse: collapse; font-size: .9rem; margin: 0 0 .75rem; }
.parts th, .ranks th { text-align: start; font-weight: 400; }
.ranks thead th { color: var(--dim); }
.cell, .number { padding: .1rem .75rem .1rem 0; vertical-align: top; }
.number { font-variant-numeric: tabular-nums; text-align: end; white-space: nowrap; }
.caption { color: var(--dim); text-align: start; font-size: .9rem; }
.bar { width: 8rem; max-width: 25vw; }
.text { margin: 0 0 .75rem; }
.whole { white-space: pre-wrap; margin-top: .5rem; }
.mark { background: var(--mark); color: inherit; text-decoration: underline 2px;
  text-underline-offset: .15em; }
.note { color: var(--dim); font-size: .9rem; margin: 0 0 .75rem; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: start; margin: 0 0 .75rem; }
.figure { margin: 0; padding: .5rem; max-width: min(100%, 16rem); border: 1px solid var(--line); border-radius: .5rem; }
.best { border: 3px solid var(--accent); max-width: min(100%, 30rem); }
.badge { color: var(--accent); }
.picture, .best-picture, .sheet { display: block; max-width: 100%; height: auto; margin: 0 0 .5rem;
  background: #fff; }
.sheet { border: 1px solid var(--line); margin-top: .5rem; }
.missing { color: var(--dim); font-style: italic; margin: 0 0 .5rem; }
.generated { background: var(--said); border-inline-start: 4px solid var(--dim);
  padding: .5rem .75rem; margin: .5rem 0 0; font-size: .9rem; }
.details { margin: 0 0 .75rem; }
.summary { cursor: pointer; padding: .35rem 0; color: var(--accent); }
.summary:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.places { margin: 0; padding-inline-start: 1.25rem; font-size: .9rem; }
.label { margin: .5rem 0 0; }
.plus, .minus { border-radius: .2rem; }
.plus { text-decoration: underline solid 2px var(--for); text-underline-offset: .2em; }
.minus { text-decoration: underline dashed 2px var(--against); text-underline-offset: .2em; }
.plus.shade1 { background: color-mix(in srgb, var(--for) 8%, transparent); }
.plus.shade2 { background: color-mix(in srgb, var(--for) 16%, transparent); }
.plus.shade3 { background: color-mix(in srgb, var(--for) 24%, transparent); }
.plus.shade4 { background: color-mix(in srgb, var(--for) 32%, transparent); }
.minus.shade1 { background: color-mix(in srgb, var(--against) 8%, transparent); }
.minus.shade2 { background: color-mix(in srgb, var(--against) 16%, transparent); }
.minus.shade3 { background: color-mix(in srgb, var(--against) 24%, transparent); }
.minus.shade4 { background: color-mix(in srgb, var(--against) 32%, transparent); }
.weight { display: inline-block; font-size: .7rem; font-variant-numeric: tabular-nums; margin-inline-start: .1rem; }
.explained { display: flex; flex-wrap: wrap; gap: 1rem; align-items: start; }
@page { margin: 1.5cm; }
@media print {
  :root { color-scheme: light; --ink: #000; --dim: #444; --paper: #fff; --card: #fff;
    --line: #999; --accent: #a3124f; --mark: #fff0a8; --said: #eef3fb; --for: #d81b60;
    --against: #1e5ac8; }
  body { max-width: none; padding: 0; }
  .card { break-inside: avoid-page; }
  .figure { break-inside: avoid; }
  .mark, .generated { print-color-adjust: exact; }
}
"""

SHEET_HASH = base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode("ascii")
"""The SHA-256 of the style sheet, by which a content security policy allows it and no other."""

# The colors of a notebook are its own, light or dark: these are readable on both.
INLINE = {
    "card": "border: 1px solid rgba(127, 127, 127, .5); border-radius: 6px; padding: 12px; "
    "margin: 12px 0; max-width: 60em; overflow-wrap: anywhere",
    "place": "font-size: 1.1em; margin: 0 0 6px",
    "facts": "margin: 0 0 8px; display: block",
    "name": "display: inline; font-weight: 400; opacity: .8; margin: 0 6px 0 0",
    "value": "display: inline; margin: 0",
    "parts": "border-collapse: collapse; margin: 0 0 8px",
    "ranks": "border-collapse: collapse; margin: 0 0 8px",
    "cell": "padding: 1px 12px 1px 0; text-align: left; font-weight: 400",
    "number": "padding: 1px 12px 1px 0; text-align: right",
    "caption": "text-align: left; opacity: .8",
    "text": "margin: 0 0 8px",
    "whole": "white-space: pre-wrap",
    "mark": "background: rgba(255, 210, 0, .35); color: inherit; text-decoration: underline",
    "note": "opacity: .8; margin: 0 0 8px",
    "figure": "margin: 0 0 8px; padding: 6px; border: 1px solid rgba(127, 127, 127, .5); "
    "border-radius: 6px; display: inline-block; max-width: min(100%, 380px); vertical-align: top",
    "best": "border: 3px solid #d81b60",
    "picture": "display: block; max-width: 100%; height: auto; background: #fff",
    "best-picture": "display: block; max-width: 100%; height: auto; background: #fff",
    "sheet": "display: block; max-width: 100%; height: auto; background: #fff",
    "missing": "font-style: italic; opacity: .8; margin: 0",
    "generated": "border-left: 4px solid rgba(127, 127, 127, .8); padding: 4px 8px; margin: 6px 0 0",
    "details": "margin: 0 0 8px",
    "summary": "cursor: pointer",
    "places": "margin: 0",
    "label": "margin: 6px 0 0",
    "plus": "text-decoration: underline solid 2px #d81b60",
    "minus": "text-decoration: underline dashed 2px #1e5ac8",
    **{f"shade{i}": f"background: rgba(127, 127, 127, .{i})" for i in range(1, 5)},
    "weight": "display: inline-block; font-size: .75em",
    "explained": "margin: 0 0 8px",
}
"""The same for notebooks, which drop style sheets: declarations by the name of a style."""
