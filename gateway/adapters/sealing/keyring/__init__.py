"""The node's own key and the partners' public keys.

The private folder holds `gnupg/` (the GNUPGHOME, with our key only), `passphrase`, `fingerprint` and `keyrings/` (one
public keyring per partner, made from `keys/<party>.asc`, so that an operation for one partner sees no other's key).
python-gnupg generates, scans, imports and exports here; signing and opening run gpg directly (decision record 0004).
"""

from gateway.adapters.sealing.keyring.home import (
    CREDENTIAL,
    KeyringError,
    agent_runs,
    home,
    passphrase_file,
    stop_agent,
)
from gateway.adapters.sealing.keyring.own import (
    Algorithm,
    finish,
    generate,
    generate_next,
    next_key,
    own_fingerprint,
    own_fingerprints,
    own_info,
    own_infos,
    public_key,
    revoke,
    today,
)
from gateway.adapters.sealing.keyring.partners import (
    Days,
    end_overlap,
    give_up,
    import_partner,
    import_sm,
    partner_keyring,
    together,
)
from gateway.adapters.sealing.keyring.reading import KeyInfo, Subkey, info

__all__ = [
    "CREDENTIAL",
    "Algorithm",
    "Days",
    "KeyInfo",
    "KeyringError",
    "Subkey",
    "agent_runs",
    "end_overlap",
    "finish",
    "generate",
    "generate_next",
    "give_up",
    "home",
    "import_partner",
    "import_sm",
    "info",
    "next_key",
    "own_fingerprint",
    "own_fingerprints",
    "own_info",
    "own_infos",
    "partner_keyring",
    "passphrase_file",
    "public_key",
    "revoke",
    "stop_agent",
    "today",
    "together",
]
