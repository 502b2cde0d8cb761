"""`python -m gateway.records.kernel [FOLDER]`: compile the engine beforehand, into FOLDER, else beside its sources,
else into the user's cache; exit code 3, and a reason, where that cannot be. What is there already is not made again."""

import sys
from pathlib import Path

from gateway.records import kernel


def main() -> int:
    """Compile what is not there, load it, and say where it lies."""
    try:
        from gateway.records import text
        from gateway.records.kernel import charactertables, digesting, loading
        from gateway.records.offline import find_schemas

        places = (Path(sys.argv[1]),) if sys.argv[1:] else loading.folders(None)
        path = loading.find(places) or kernel.make(places)
        machine = loading.Machine(path)
        digesting.prove(machine, machine.hardware)
        charactertables.characters(text.repertoire(find_schemas()))
    except Exception as error:
        print(
            f"the records engine cannot be compiled here ({type(error).__name__}: {error}); the plain one does its work"
        )
        return 3
    print(f"the records engine: {path}")
    return 0


sys.exit(main())
