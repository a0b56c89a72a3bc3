"""The test server's side of chat completions and embeddings in OpenAI's form."""
