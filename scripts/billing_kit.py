"""Write the kit for operators' developers: `python scripts/billing_kit.py [FILE]`."""

import sys
from pathlib import Path

from matinee.provisions.kit.archive import FILE_NAME, build_kit

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / FILE_NAME
    file.parent.mkdir(parents=True, exist_ok=True)
    packed = build_kit(ROOT / "samples" / "billing")
    file.write_bytes(packed)
    print(f"{file} ({len(packed) / 1024:.0f} KB)")


if __name__ == "__main__":
    main()
