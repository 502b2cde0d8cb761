"""The workflow engine, on the ledger's database."""

from __future__ import annotations

import logging

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from gateway import flow
from gateway.daemon import descriptors
from gateway.node import Node

POLLING_SECONDS = 0.2


def launch(node: Node) -> None:
    """Start the workflow engine on the ledger's database and open its queues; what was cut off is resumed at once, so
    the flow is bound before."""
    settings = node.facts.current().node
    logging.getLogger("dbos").setLevel(logging.WARNING)
    config: DBOSConfig = {
        "name": "gateway",
        "application_version": flow.VERSION,
        "executor_id": settings.name,
        "system_database_engine": node.ledger.workflow_engine(),
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "WARNING",
        "enable_otlp": False,
        "notification_listener_polling_interval_sec": 1.0,
    }
    if not node.ledger.url.startswith("sqlite"):
        config["system_database_url"] = node.ledger.url
    DBOS(config=config)
    DBOS.launch()
    few = descriptors.are_few()
    flow.open_queues(1 if few else settings.limits.submissions_parallel, 1 if few else 4, POLLING_SECONDS)
