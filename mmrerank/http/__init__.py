"""Rerank services over HTTP: one flow, one small file a service."""
