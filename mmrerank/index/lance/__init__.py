"""An index at a URL, in LanceDB alone, for what outgrows a machine.

::

    URL/entries.lance    a row for each file, each of its chunks and figures with their vectors
    URL/captions.lance   generated captions
    URL/pictures.lance   what images show, to find copies
    URL/images/          images, by a hash of their content
    URL/notes/           the embedders and the tokenizer

All rows of a file are replaced by one commit, so nothing needs recovery; many machines may write at
the same time. There is no lock.
"""
