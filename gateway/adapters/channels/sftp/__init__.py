"""SFTP both ways: packages are pushed to a party's endpoint, and what it laid out for us is fetched from there.

`session` holds one pinned, watched connection, `negotiation` says which algorithms it may have, `reaching` tries it;
`remote` and `listing` read what lies there; `courier` puts files;
`collector` polls, `looking` says what is new and complete, `fetching` gets one file, `landing` gives it its name here,
`memory` knows what was fetched, `breaker` leaves a failing partner alone, `offered` tells packages from other files.
"""

from gateway.adapters.channels.sftp.collector import Collector
from gateway.adapters.channels.sftp.courier import SftpCourier
from gateway.adapters.channels.sftp.looking import Errand, Plan, Round
from gateway.adapters.channels.sftp.memory import Memory
from gateway.adapters.channels.sftp.reaching import reach
from gateway.adapters.channels.sftp.session import Endpoint

__all__ = ["Collector", "Endpoint", "Errand", "Memory", "Plan", "Round", "SftpCourier", "reach"]
