"""First part of the demo report: the methods, in a small markup read by `make_report.py`.

Blocks are separated by blank lines. `# ` and `## ` start headings, `@figure NAME`
and `@table` place a figure or the table with its caption, `@side NAME` sets the
blocks up to `@end` beside a figure, `@columns` sets them in two columns, and
`@list` starts the references. Every other block is a paragraph.
"""

TITLE = "Multimodal retrieval in practice"
SUBTITLE = "How to find answers that stand in a figure and not in the text"

NOTE = """<b>About the numbers.</b> Every measured value in this report, in charts, diagrams
and scans, is an illustrative figure from a fictitious archive: the drawing office of an
invented pump maker called Northmere Works. The values show what such a measurement looks
like. They say nothing about the speed or the quality of any model named here. Statements
about real methods and models follow the publications listed under References."""

METHODS = """
# Why text search misses figures

A technical archive answers two kinds of question. Some answers are written out in
sentences, and any search over words will find them if the question uses similar terms.
Others exist only in a drawing: the value at the end of a bar, the name in a box, the entry
in the corner of a scanned sheet. A reader finds such an answer by looking at the page, but
a program that indexes only the text of the page has nothing to match. This report describes
a search that uses both the words and the pictures of each candidate passage.

The gap has a mundane cause. When a PDF is converted to text, a figure usually leaves behind
only its caption, and a caption names the subject without repeating the content. Labels drawn
as vector text may survive the conversion, but they come out as loose words in drawing order,
without the arrows, axes and positions that gave them meaning. A scan or a photograph leaves
nothing at all unless someone runs character recognition on it. The index then holds several
fluent paragraphs about the topic and, for the picture that holds the answer, one line.

Figure 1 shows how large this group can be in an archive of drawings and manuals. For the
illustration, people who use the archive wrote questions, and each question was assigned to
the kind of source in which its answer stood. The shares differ from one collection to the
next: a legal archive has few drawings, and a collection of slides has little else. It is
worth doing this count on one's own documents before choosing any model, because it sets an
upper limit on what a better reader of pictures can gain.

@figure answer_places Where the answer stood, by kind of source, in the fictitious archive.

A second effect makes matters worse than the count suggests. A document about a subject
discusses it in prose as well, so the wrong passages are not random: they treat the right
subject, use the right vocabulary and read like answers. Keyword search and text embeddings
both rank them first. The user sees a page of plausible results and concludes that the
archive does not contain the answer. Section 3 explains how a reranker that can see resolves
this, and Figure 8 in Section 6 shows the size of the effect in the illustrative case.

The remedy is not to replace text search but to complete it. Words remain the fastest way from
many thousands of pages to a short list, and many questions can be settled by them. What has to
change is the last step, in which the short list is read, and the preparation of the documents,
which must deliver the pictures to that step. Both changes can be made to an existing search
without touching its index of words.

# The first stage: casting a wide net

Reading a question together with a document is accurate but slow, so practical systems work
in two stages. The first stage scans the whole collection with a cheap method and keeps some
dozens of candidates. The second stage reads those candidates carefully and puts them in
order. Figure 2 shows both stages for the fictitious archive, with the preparation of the
documents above and the treatment of one question below. The first stage decides what can be
found at all: a page that it drops cannot be recovered later.

@figure pipeline From documents to a ranked list: preparation (above) and search (below).

## Keyword search with BM25

BM25 scores a passage by the words it shares with the question [1]. A shared word counts more
when it is rare in the collection, and each repetition within the same passage adds less than
the one before. Long passages are penalised so that they do not win merely by containing more
words. Two parameters control this: k1, commonly between 1.2 and 2.0, sets how quickly
repetition saturates, and b, commonly 0.75, sets the strength of the length
correction. These values are a fair start for passages of similar length.

The method needs no training, runs on an inverted index and is hard to beat for part numbers,
names and error codes. Its weakness is vocabulary: it treats "leak" and "seepage" as unrelated
words. For figures it can use only what has been turned into words, that is the caption, the
surrounding paragraphs and any text recognised inside the picture. A tokeniser that keeps a
hyphenated code as one searchable unit often matters more than the choice of
parameters, and the same tokeniser has to be used for documents and questions.

## Embedding retrieval

A text embedding model maps a passage to a vector, and the question to a vector in the same
space [2]. Passages are ranked by cosine similarity or dot product, usually through an
approximate nearest neighbour index such as HNSW. Since both sides are encoded separately, all
document vectors can be computed in advance, and a question costs one encoding and one lookup.
Embeddings find paraphrases that BM25 misses, and miss exact identifiers that BM25 finds. A
single vector is also a summary: a detail that fills a tenth of a passage may leave little
trace in it.

Multimodal embedding models place pictures and texts in a common space, so that a figure can be
retrieved without any words. Two limits remain. In models of the CLIP type the vectors of
images and those of texts tend to occupy separate regions, the so-called modality gap, so the
similarity of a picture and that of a paragraph are not directly comparable. And a dense page
holds more facts than one vector can keep apart. Late-interaction models such as ColPali keep
one vector per image patch instead [3], which is more
precise, takes far more storage, and calls for an index of its own.

## Merging the lists

Several retrieval methods give several lists, and their scores have different scales.
Reciprocal rank fusion avoids the problem by using positions only: a candidate receives
1/(k + rank) from each list in which it appears, and the sums are sorted [4]. The constant k is
usually 60, which keeps a single first place from dominating. No training data and no
calibration are needed, and one list may be empty without harm. The same passage must carry
the same identifier in all lists, or it will take several places among the candidates.

# Reranking: reading the candidates

## Cross-encoders

A cross-encoder takes the question and the passage together as one input and returns one
score [5]. Every word of the question can attend to every word of the passage in each layer,
which no comparison of two finished vectors allows. The price is that, in the usual form,
nothing can be computed in advance: each pair requires a full pass through the model. This is
why cross-encoders are applied to candidates and not to whole collections.

Figure 3 sets the arrangement used for retrieval beside the one used for reranking. The
difference matters most when the decisive evidence is small. A model that encodes the page on
its own has to decide what to keep before it knows what will be asked. A model that reads both
together knows what it is looking for, and can find one entry in a crowded drawing.

@figure two_readings Separate encoding of question and page (left) and joint reading (right).

## Multimodal rerankers

A multimodal reranker extends joint reading to pictures. An image is cut into patches, the
patches are encoded, and the resulting visual tokens are placed in the same sequence as the
words. The model can then relate a word of the question to a region of the drawing. It can also
read text inside the picture, so that no separate recognition step is required at this point.
Two models with published weights illustrate the design.

<b>jina-reranker-m0</b>, published in April 2025, is built on Qwen2-VL-2B and has about
2.4 billion parameters [6]. The language model was adapted with LoRA, and a small multilayer
perceptron turns its final state into a ranking score. The documentation gives a maximum of
10,240 tokens for question and document together, images of up to 768 patches of 28 by 28
pixels, and support for more than 29 languages. The weights carry a non-commercial licence
(CC BY-NC 4.0), which has to be checked before they are used in a product.

<b>Qwen3-VL-Reranker</b> is published with 2 and with 8 billion parameters, together with a
matching family of embedding models [7]. The prompt asks whether a document meets the
requirements of a query and an instruction, allows only the answers "yes" and "no", and the
relevance is derived from the scores of these two words. Documents may consist of text, images,
screenshots, video or a mixture of them. The instruction can be changed, so that the notion of
relevance can be adapted to a task without training.

The scores of both models order the candidates of one question. They are not probabilities that
an answer is correct, and they cannot be compared between models or, without care, between
versions of the same model. A threshold below which nothing is shown has to be determined on
one's own questions. Table 1 summarises the methods of this section and the previous one.

@table Methods of both stages compared.

# From files to candidates

## Keeping images with chunks

A reranker can see a picture only if the picture is still attached to the passage. Most text
splitters drop images, and most vector stores keep only strings and small metadata fields. The
practical remedy is to store each picture as a file, and to keep a list of references in the
metadata of every chunk: path or key, page number, position on the page, and caption. Such a
reference is short, survives a round trip through JSON, and is resolved when the reranker needs
the pixels.

Assigning pictures to chunks takes a rule. The simplest is the page: a chunk receives every
picture on the page from which it was cut. A better rule uses captions and mentions, so that a
chunk which names a figure by its number receives that picture even from another page. A
figure should also form a chunk of its own, made of its caption and of the words inside it, so
that it can be retrieved when no paragraph mentions it.

Figures drawn as vector graphics are not stored as images in a PDF, so extracting the embedded
images is not enough. They have to be found as clusters of drawing commands and rendered at a
resolution at which the smallest label is legible. For charts with small type this is often
higher than the resolution that suits a photograph. A crop should include axes and legend, since
a bar without its axis carries no value.

## Words recognised in pictures

@side index_card A scanned index card from the fictitious archive.

Optical character recognition (OCR) gives the first stage something to match. The recognised
words are indexed together with the caption, preferably in a field of their own, so that a
question which quotes a label can find the picture. Figure 4 shows a typical case: a card that
was typed, used, and scanned decades later. None of its words are available as text in the PDF
file, and this paragraph does not repeat them.

Recognition makes characteristic errors. Slanted lines, stamps and worn type change a letter or
join two words, and a code with one wrong character no longer matches. Layout is lost as well: a
column of names and a column of values may come out as two separate runs. Recognised words are
therefore good for recall and poor as evidence.

@end

The two uses should be kept apart. In the first stage, recognised words bring a picture into
the list of candidates, where a few errors do little harm. In the second stage the model looks
at the picture itself, and a faulty transcript next to it may contradict what it sees. It is
safer to leave recognised words out of the text given to a multimodal reranker, and to keep
them for the text-only reranker that stands in when no accelerator is available.

# Candidates with several parts

A candidate often consists of a passage and several pictures. Some rerankers accept all of them
in one input; others, among them many hosted services, score one text or one image at a time. In
the second case the candidate is fanned out: each part is paired with the question and scored on
its own, and the part scores are fused into one score for the candidate. Figure 5 follows one
candidate of the archive through these steps.

@figure fan_out Fan-out of one candidate into its parts, and fusion of the part scores.

The fusion rule matters. The maximum expresses that one good part is enough, which suits
questions whose answer stands in a single place. The mean punishes candidates with many
pictures, most of which are irrelevant to any given question. The mean of the best two is a
compromise: it rewards agreement between text and picture without punishing the rest. Whatever
the rule, the individual scores should be kept, since they tell the user which picture to look
at.

Two precautions are needed. A candidate with more parts has more chances of a high maximum by
accident, so the number of parts should be limited. And the scores that one model gives to texts
and to images may follow different distributions. It is worth plotting both for a sample of
questions, and subtracting an offset if one kind wins systematically. Fusing positions instead
of scores, as in Section 2.3, is a robust alternative when no such sample exists.

When a model accepts mixed input, reading all parts jointly is preferable, because a caption may
explain a picture that is unclear on its own. The limit is then length: the visual tokens of all
pictures have to fit into the context together with the words. Pictures mentioned in the passage
should come first, and pictures that merely share the page last. Rules, icons and repeated
letterheads should be removed beforehand; they can be recognised by size, by aspect ratio, and by
the same content hash on many pages.
"""

TABLE = [
    ["Method", "What it reads", "Cost per question", "Typical weakness"],
    ["BM25", "words", "index lookup", "no match without shared words"],
    ["Text embedding", "words", "one encoding, one lookup", "exact codes, small details"],
    ["Image embedding", "page picture", "one encoding, one lookup", "dense pages in one vector"],
    ["Late interaction", "words or patches", "many comparisons", "storage"],
    ["Text cross-encoder", "question with words", "one pass per pair", "blind to figures"],
    [
        "Multimodal reranker",
        "question with words and pictures",
        "one long pass per pair or part",
        "time and memory per picture",
    ],
]
