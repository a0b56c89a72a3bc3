"""Images: from an untrusted reference to checked pixels."""
