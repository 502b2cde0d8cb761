"""Between gateways: what they state to each other, and signing for another one's batch."""
