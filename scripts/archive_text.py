"""What the documents of the demo's archive say: sentences with places for words, and the words.

Everything is invented, like the pump maker Northmere Works of the demo report. The documents are
about the same things as the report and use the same words, as documents of one archive do; none
has the answer to a question of the demo. `make_archive.py` writes them.
"""

from __future__ import annotations

WORDS = {
    "person": "A. Brandt|B. Whitlow|C. Dunmore|E. Farrow|F. Hale|G. Iredale|J. Kestle|L. Marsh|M. Nairn|P. Quill|R. Stroud|T. Umber|W. Yarrow",
    "place": "foundry|pattern shop|turbine hall|test house|north warehouse|south warehouse|paint shop|dispatch office|pump station|machine shop|drawing office",
    "machine": "condensate pump|bilge pump|booster pump|fire pump|cooling water pump|sump pump|dosing pump|circulating pump|transfer pump|vacuum pump",
    "part": "gland packing|shaft sleeve|wear ring|impeller|thrust bearing|coupling guard|lantern ring|suction strainer|relief valve|drain cock|base plate|oil seal",
    "heater": "unit heater|strip heater|trace heater|immersion heater|air curtain|radiant panel",
    "fault": "a worn seat|a hairline crack|scale on the inside|a loose flange|corrosion under the paint|a bent spindle|a leak at the joint|a stiff hinge",
    "sheet": "sheet 1|sheet 2|sheet 3|the assembly|the section through the casing|the list of parts",
    "month": "January|February|March|April|May|June|July|August|September|October|November|December",
    "day": "3|5|8|11|12|15|17|19|22|24|26|28",
    "year": "1959|1961|1963|1964|1966|1969|1971|1974",
    "number": "6|9|11|14|17|21|26|32|45|52|64|75|88|110|120",
    "shelf": "R1|R2|R3|R4|R5|R6|R7|R8|R9|R10|R11|R14|R15|S1|S2|S3|S4|S5|S6",
    "box": "1|2|3|4|5|6|8|9|10|11|12",
    "drawing": "4380-A|4381-B|4385-A|4390-C|4398-B|4402-A|4407-B|4411-C|4418-A|4423-B|4429-C|4436-A|4440-B|4447-C|4452-A|4458-B|4463-C|4466-A|4470-C|4471-A|4471-B|4472-C|4479-A|4485-B|4491-C|4497-A",
    "stage": "page parser|tokeniser|keyword index|vision encoder|decoder|result list|image store|queue of pages",
    "unit": "page|figure|crop|passage|caption|table|scan",
    "kind": "section drawing|photograph|chart|table|name plate|flow sheet|index card|wiring plan",
}  # fmt: skip
"""The words for each place in a sentence, separated by bars."""

CARDS = (
    ("4398-B", "Gland packing,", "bilge pump", "R4, box 2", "F. Hale, pattern shop"),
    ("4407-B", "Relief valve,", "booster pump", "R8, box 11", "M. Nairn, test house"),
    ("4471-B", "Wear ring,", "condensate pump", "R11, box 3", "E. Farrow, foundry"),
    ("4472-C", "Shaft sleeve,", "fire pump", "S2, box 9", "J. Kestle, turbine hall"),
)
"""Drawing, subject in two lines, shelf and box, and borrower of each card that is a scan."""

EVERYWHERE = """The lamp above the desk of the {place} was replaced in {month}.
    {person} keeps the key to the {place}; a second key hangs in the {place}.
    The lift to the second floor carries {number} boxes at a time.
    Visitors to the {place} sign their names and wear a badge.
    In {year} the roof over the {place} was sealed, and the floor has been dry since.
    {person} wrote to the supplier about {number} missing labels and had no reply.
    Dust is wiped off with a dry cloth; water and oil make the ink run.
    The {place} closes at noon on Saturdays, except in {month}.
    A trolley with {number} empty folders stands beside the door of the {place}.
    {person} and {person} change places every {number} weeks.
    The telephone of the {place} was out of order on {day} {month} {year}.
    Nothing heavier than {number} kilograms may be put on the upper gallery.
    Copies are made on Mondays; {person} signs for each of them.
    The old numbers end with {year}, and the new ones begin with a letter.
    A crate from the {place} arrived open, with {fault} at its lid.
    {person} proposed to write dates in full, and everybody agreed.
    Fire drills take place in {month}; the meeting point is the {place}.
    The {machine} can be heard in the {place} when the windows are open.
    Half of the folders in the {place} are still tied with string.
    {person} measured the damp in the {place} on {number} days.
    Invoices are filed by month, and only the one of {month} {year} is missing.
    The stairs to the {place} are narrow, so long rolls go through the yard."""
"""Sentences that any of the documents may have."""

DOCUMENTS = {
    "drawing-register": (
        "Register of drawings",
        "Racks R1 to R6|Racks R7 to R11|Racks R14 and R15|Racks S1 to S3|Racks S4 to S6|Sheets that moved",
        """Drawing {drawing} shows the {part} of the {machine} and is kept on shelf {shelf} in box {box}.
        The {part} of the {machine} is on drawing {drawing}, {sheet}; shelf {shelf}, box {box}.
        On shelf {shelf}, box {box} holds drawing {drawing} with {sheet} of the {machine}.
        Box {box} of shelf {shelf} was full, so drawing {drawing} went to box {box}.
        Which shelf a drawing stands on is written on its back, and in this register for {drawing}.
        Drawing {drawing} replaces an older sheet of {year} and shares its box with the {heater}.
        The folder of the {machine} has {number} drawings, of which {drawing} is the oldest.
        In {month} {year} {person} counted {number} sheets on shelf {shelf}.""",
    ),
    "loan-book": (
        "Loan book of the drawing office",
        "Winter loans|Spring loans|Summer loans|Autumn loans|Loans that ran late|Rules for loans",
        """Drawing {drawing}, the {part} of the {machine}, is lent to {person} of the {place}.
        {person} of the {place} borrowed {sheet} of drawing {drawing} on {day} {month} {year}.
        The loan of drawing {drawing} to the {place} was due back on {day} {month} {year}.
        To whom a drawing is lent is written on a card; the card of {drawing} names {person}.
        {person} brought drawing {drawing} back to the {place} and took {sheet} of the {machine}.
        A drawing on loan leaves its card in box {box} until it is back on shelf {shelf}.
        The {place} kept drawing {drawing} for {number} days and was reminded twice.
        The drawing of the {part} for the {machine} went from {person} to {person}.""",
    ),
    "pump-log": (
        "Pump log of the station",
        "First quarter|Second quarter|Third quarter|Fourth quarter|Spare parts|Night shifts",
        """On {day} {month} {year} the {machine} was stopped because of {fault} at the {part}.
        {person} changed the {part} of the {machine} in {number} minutes and ran it for an hour.
        The {machine} delivers {number} litres a second at a pressure of {number} metres.
        The gland packing of the {machine} was tightened until it dripped {number} times a minute.
        The feed to the {machine} was throttled while the {part} was measured in the {place}.
        See drawing {drawing} for the {part}; the spare is in the {place} on shelf {shelf}.
        How many hours the {machine} has run since its last overhaul is on its name plate.
        {person} found {fault} and ordered a new {part} for the {machine} from the {place}.""",
    ),
    "heaters": (
        "Heaters of the warehouses",
        "North warehouse|South warehouse|Offices|Frost protection|Inspection|Spare heaters",
        """The {heater} above shelf {shelf} keeps the {place} at {number} degrees in {month}.
        In the {place} there are {number} heaters, and each {heater} has a drawing of its own.
        {person} inspected the {heater} of the {place} and found {fault}.
        Drawing {drawing} shows how the {heater} is wired; a copy hangs in the {place}.
        A {heater} draws {number} kilowatts, so only two of them run at the same time.
        Boxes on shelf {shelf} must not touch the {heater}, or the drawings in them turn brown.
        The valve of the {heater} was closed from {month} to {month} {year}.
        The {place} lent its {heater} to the {place} while the boiler was out of service.""",
    ),
    "search-operations": (
        "Operating the search",
        "Parsing|Figures and crops|Encoding|Reading the candidates|Caches|Faults",
        """The {stage} takes {number} milliseconds longer on a {kind} than on a {unit} of text.
        When the {stage} falls behind, the {unit} waits in a queue for at most {number} seconds.
        The {stage} writes each {unit} to the disk before the {stage} reads it.
        A {kind} is turned into patches by the {stage}; its size decides how many there are.
        The cache of the {stage} was emptied in {month}, and {number} MB of the disk were free again.
        A {kind} without a caption is still read, since the {stage} sees its pixels.
        For {number} candidates the decoder layers run {number} times, once for each {unit}.
        {person} raised the limit of the {stage} from {number} to {number} pages a minute.
        The state of a {unit} is held until the {stage} has scored its last {kind}.""",
    ),
    "search-review": (
        "Review of the search",
        "Questions|Scores|Right pages|Wrong pages|What people asked|Conclusions",
        """Of {number} questions about a {kind}, {number} were answered in the first try.
        How often the right page came first depends on the {stage} more than on the {unit}.
        The score of a {kind} was below that of a {unit} of plain text in {number} cases.
        {person} wrote {number} questions whose answers stand in a {kind}.
        A {unit} among the first three candidates counts as found, whatever its score.
        The words in a {kind} were recognised by OCR, and {number} of them were wrong.
        A valve schedule and a {kind} of the {machine} got nearly the same score.
        In {month} the {place} asked {number} questions, most of them about the {part}.
        Text alone found the {part} of the {machine}, but not the {kind} beside it.""",
    ),
    "minutes": (
        "Minutes of the archive committee",
        "Rooms|Staff|Purchases|Microfilm|Name plates|Any other business",
        """{person} reported that {number} boxes moved from shelf {shelf} to the {place}.
        The committee agreed to photograph every name plate in the {place} before {month}.
        {person} asked who had the drawing of the {machine}, and the loan book was consulted.
        The {place} may use shelf {shelf} until the {heater} there has been repaired.
        It was decided to scan {number} cards a week, beginning with drawing {drawing}.
        {person} thanked {person} for sorting {number} drawings of the {machine}.
        How many questions reach the archive in a month was estimated at {number}.
        The purchase of {number} boxes for shelf {shelf} was put off until {month} {year}.""",
    ),
}
"""By file name: title, headings of the sections, and sentences of the document's own."""
