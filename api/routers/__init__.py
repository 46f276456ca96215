"""One router a subject; each route calls one use case and shapes its reply."""
