"""Second part of the demo report: running a search; markup as in `report_text.py`."""

PRACTICE = """
# Cost and latency

## Where the time goes

The second stage dominates the time of a search, as the breakdown in Figure 6 illustrates. The
time of a model grows with the number of tokens, and pictures are long. In the Qwen2-VL family
one visual token stands for 28 by 28 pixels, in the Qwen3-VL family for 32 by 32 pixels. An A4
page rendered at 100 dots per inch measures about 827 by 1169 pixels, which makes about 1,230
tokens of the first kind. A paragraph of 120 words takes about 160.

Three settings follow from this. The first is the largest picture size: scaling such a page down
to 768 tokens shortens each side to about 79 percent, which is harmless for a photograph but may
blur the smallest labels of a chart. The second is the batch: pairs of similar length belong
together, because a batch is padded to its longest member. The third is the place of the work:
decoding and scaling run on the processor, and can proceed while the accelerator is busy with
the previous batch.

@figure stage_times Time of one search by stage, in the fictitious archive.

## Reusing the state of a document

In a decoder with causal attention, the state of a token depends only on the tokens before it.
If the prompt places the document before the question, the state of the document does not
depend on the question, and can be stored for the next question about the same page. Figure 7
compares a few questions with and without such reuse. The saving is largest for pictures,
because they are long, and because a few pages attract most of the questions.

@figure state_reuse Questions about one page, without and with a stored document state.

Whether this works depends on the order in the prompt. The code published with jina-reranker-m0
writes the document first and the query after it. The published template of Qwen3-VL-Reranker
writes instruction and query before the document, so that the state of the document changes with
each question and only the output of the image encoder can be reused. Reversing the order that a
model was trained with is possible, but its scores then have to be evaluated anew.

Stored states are large. The size per token is the product of layers, key-value heads, head size
and bytes per number, times two for key and value. A model with 28 layers, 2 key-value heads of
size 128 and 16-bit numbers needs 28 KiB per token, so that a page with a picture occupies tens
of megabytes. A cache therefore needs a limit and a rule for removal, usually the entry that was
used least recently. The key should include the model revision and the picture size, or a change
of settings will silently return old states.

## How many candidates to read

Figure 8 shows how quality changes with the number of candidates for three kinds of input. The
usual shape is a steep rise and then a plateau, since the first stage seldom places the right
page very low. A reader without pictures levels off early for another reason: more candidates do
not help if it cannot see the evidence. It is sensible to draw this curve once, on a few dozen
labelled questions, and to stop where it flattens or where the time limit is reached.

@figure quality_curves Quality against the number of candidates, in the fictitious archive.

Cost can be reduced further by a cascade. A fast text reranker orders the long list, and the
multimodal model reads only the head of it, together with those candidates further down that
consist of a picture and little else. The second group is essential. Without it the text
reranker removes the figures before the model that could have read them comes into play.

# Pitfalls

@columns

<b>Pictures that fail to load.</b> A missing file should not turn a multimodal search into a
text search without notice. The candidate can still be scored by its text, but the failure
belongs in the log and in the result. A count of unreadable pictures per run is a useful health
check.

<b>Silent truncation.</b> An input beyond the maximum length is cut, often at the end. If the
question stands at the end of the prompt, the cut removes the question. Lengths should be
checked before the call, and the document should be shortened, never the question.

<b>Illegible labels.</b> Models accept almost any picture size and return a score for it. As
Figure 3 shows, a diagram is mostly small words in boxes, and a thumbnail of it is only shapes.
A test with the smallest type in the collection tells which size is required.

<b>Questions made from the text.</b> Test questions written by reading paragraphs measure text
search. A fair test set contains questions about figures in the same proportion as the real log,
worded by people who looked at the figure. Questions generated from captions have the same
defect.

<b>Scores taken for confidence.</b> A high score says that a candidate is better than the
others. It does not say that the archive contains an answer. Some questions without an answer
belong in every test set, and the interface needs a way to say that nothing was found.

<b>Mixed orders.</b> Scores from two models, or from two prompts of the same model, must not be
sorted in one list. A fallback from a remote service to a local model should rescore all
candidates of the question, not only those that are missing.

<b>Addresses as pictures.</b> Metadata may contain web addresses or paths supplied by others. A
loader that follows them can be made to read internal files or services. It should accept a
list of permitted folders and hosts, and limit both the number of bytes and the number of pixels.

<b>Too many parts.</b> A catalogue page with twenty small photographs becomes twenty calls. As
Figure 5 shows, most parts of a candidate add little. A limit per candidate, together with a
content hash against duplicates, keeps the cost predictable.

@end

# Measuring the result

Each stage needs its own measure. For the first stage it is recall: the share of questions for
which the right page is among the candidates at all. For the second it is a measure of order,
such as the reciprocal rank of the first right page, averaged over the questions (MRR), or
nDCG, which also credits several relevant pages and discounts each by the logarithm of its
position. If recall is low, no reranker will help, and effort belongs to parsing.

Questions should be reported in two groups, those answered by text and those answered by
figures. An average over both hides the effect that matters: a change may gain many figure
questions and lose a few text questions, and only the separate numbers show whether the exchange
was good. With fewer than a hundred questions, differences of a few percent are within chance. A
bootstrap over the questions gives an interval with little effort, and comparing two systems on
the same questions, pair by pair, needs fewer of them.

Finally, the failures deserve a look in person. A list of the ten worst questions, each with the
page that should have been found and the page that was, reveals more than the third decimal of a
metric. Often a few causes account for the majority of failures: a scan that was
never recognised, a figure cut in half by the splitter, a legend outside its crop. These are
repaired in the preparation of the documents, and each repair helps every later question.

# Recommendations

Count first where the answers stand. Keep pictures attached to passages from the moment a file is
parsed, because they cannot be recovered later. Combine keyword and embedding search by rank, and
index recognised words for recall. Read a few dozen candidates with a model that sees, keep the
score of every part, and show the user the picture that decided. Measure text questions and
figure questions separately, and repeat the measurement whenever model, prompt or picture size
changes.

# Glossary

@columns

<b>Candidate.</b> A passage, with its pictures, that the first stage has proposed.

<b>Chunk.</b> The unit of text that is indexed, usually one or a few paragraphs.

<b>Crop.</b> The part of a rendered page that contains one figure.

<b>Cross-encoder.</b> A model that reads question and passage as one input.

<b>Embedding.</b> The vector that stands for a passage or a picture.

<b>Fan-out.</b> Scoring the parts of a candidate one by one.

<b>Late interaction.</b> Comparison of many small vectors per document instead of one.

<b>Modality gap.</b> The distance between the regions that images and texts occupy in a common
vector space.

<b>nDCG.</b> A measure of order in which a relevant page counts less the further down it stands.

<b>OCR.</b> Optical character recognition: turning the picture of a text into characters.

<b>Patch.</b> A small square of an image, the smallest unit that an image encoder reads.

<b>Recall.</b> The share of questions whose right page is found at all.

<b>Reranker.</b> A model that puts candidates in order after the first stage.

<b>RRF.</b> Reciprocal rank fusion: adding up 1/(k + rank) over several lists.

<b>Visual token.</b> The form in which one or several patches enter a language model.

@end

# References

@list

S. Robertson and H. Zaragoza: The Probabilistic Relevance Framework: BM25 and Beyond.
Foundations and Trends in Information Retrieval 3(4), 2009.

V. Karpukhin et al.: Dense Passage Retrieval for Open-Domain Question Answering. EMNLP 2020.

M. Faysse et al.: ColPali: Efficient Document Retrieval with Vision Language Models.
arXiv:2407.01449, 2024.

G. V. Cormack, C. L. A. Clarke and S. Büttcher: Reciprocal Rank Fusion Outperforms Condorcet and
Individual Rank Learning Methods. SIGIR 2009.

R. Nogueira and K. Cho: Passage Re-ranking with BERT. arXiv:1901.04085, 2019.

Jina AI: jina-reranker-m0, model card and release notes, 2025.

Qwen team: Qwen3-VL-Embedding and Qwen3-VL-Reranker, repository and model cards
(github.com/QwenLM/Qwen3-VL-Embedding).

@end
"""
