"""The HTTP service: parse, name the actor, call one use case, shape the reply."""
