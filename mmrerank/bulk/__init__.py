"""Many documents into one index at a URL, by as many machines as there are, with Ray Data.

::

    source    the documents of a folder or of object storage, and their local copies
    job       what an actor must know: where, and with which models and options; and its results
    reading   one file, read in a process of its own
    extras    captions and warming of a document
    actor     one process of many that read, embed, caption and warm documents
    staging   the files in which actors leave what is to be committed
    committer the one process that commits it
    patience  storage that fails for a moment
    marks     which documents are captioned and warmed
    cluster   Ray: on this machine alone, or one that runs already
    run       plans the work, hands it out, and reports

A row in the index says that a document is done. Work is idempotent: keys are hashes of content, so
whatever was cut off is done again, by any machine. Only names and results pass through Ray.
"""

from mmrerank.bulk.cluster import Workers
from mmrerank.bulk.job import Step
from mmrerank.bulk.run import bulk

__all__ = ["Step", "Workers", "bulk"]
