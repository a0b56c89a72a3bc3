"""One model for many users: requests are queued, batched and answered."""
