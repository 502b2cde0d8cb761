"""The corridors carry out what the stages decide: an idempotent effect, then one transaction with state, log entry
and outbox. `gateway.flow` strings their steps into durable workflows.
"""
