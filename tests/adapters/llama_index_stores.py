"""LlamaIndex's vector stores, filled, closed and opened again."""

from __future__ import annotations

import chromadb
from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.llms import MockLLM
from llama_index.vector_stores.chroma import ChromaVectorStore

from llama_index_mmrerank import TextEmbedding
from mmrerank.images.refs import read_refs


def collection(folder, name="report"):
    client = chromadb.PersistentClient(str(folder))
    return client.get_or_create_collection(name, embedding_function=None)


def chroma_index(nodes, folder):
    """An index over a persistent Chroma; `nodes` may be empty."""
    store = ChromaVectorStore(chroma_collection=collection(folder))
    return VectorStoreIndex(
        nodes,
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=TextEmbedding(),
    )


def reopened_chroma(nodes, folder):
    chroma_index(nodes, folder)
    store = ChromaVectorStore(chroma_collection=collection(folder))
    return VectorStoreIndex.from_vector_store(store, embed_model=TextEmbedding())


def reloaded_simple(nodes, folder):
    VectorStoreIndex(nodes, embed_model=TextEmbedding()).storage_context.persist(str(folder))
    context = StorageContext.from_defaults(persist_dir=str(folder))
    return load_index_from_storage(context, embed_model=TextEmbedding())


STORES = {"chroma": reopened_chroma, "simple": reloaded_simple}


def engine(index, rerank, k=50):
    return index.as_query_engine(
        llm=MockLLM(), similarity_top_k=k, node_postprocessors=[rerank], response_mode="compact"
    )


def images(node):
    return read_refs(node.metadata.get("images"))
