"""The forms of requests and answers: one file for each service that clients know."""
