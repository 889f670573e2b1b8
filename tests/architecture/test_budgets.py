"""Sizes that keep a file readable at one sitting. The limits may be lowered, not raised."""

from tests.architecture.source import PRODUCT, ROOT, modules

FUNCTION_LINES = 70
FUNCTION_LINES_P90 = 30
FILE_LINES = 500
FILE_LINES_P90 = 350
VIEWER_FILE_LINES = 250

_EVERYTHING = ("src", "tests", "scripts", "samples", "benchmarks", "hatch_build.py")


def _p90(values: list[int]) -> int:
    return sorted(values)[int(len(values) * 0.9)] if values else 0


def test_no_function_is_too_long() -> None:
    long = [
        f"{module.path}: {name} has {length} lines"
        for module in modules(*_EVERYTHING)
        for name, length in module.functions()
        if length > FUNCTION_LINES
    ]
    assert long == []


def test_most_functions_are_short() -> None:
    assert (
        _p90([length for module in modules("src") for _, length in module.functions()]) <= FUNCTION_LINES_P90
    )


def test_no_file_is_too_long() -> None:
    long = {m.path: len(m.lines) for m in modules(*_EVERYTHING) if len(m.lines) > FILE_LINES}
    assert long == {}


def test_most_files_are_short() -> None:
    assert _p90([len(module.lines) for module in modules("src")]) <= FILE_LINES_P90


def test_no_file_of_the_subscriber_app_is_too_long() -> None:
    files = [
        file
        for ending in ("*.ts", "*.tsx", "*.css", "*.js")
        for file in (ROOT / "viewer").rglob(ending)
        if not {"node_modules", "dist", "vendor"} & set(file.parts)
    ]
    lengths = {file.relative_to(ROOT).as_posix(): len(file.read_text().splitlines()) for file in files}
    assert {path: length for path, length in lengths.items() if length > VIEWER_FILE_LINES} == {}


def test_no_template_is_too_long() -> None:
    lengths = {
        file.relative_to(ROOT).as_posix(): len(file.read_text().splitlines())
        for file in PRODUCT.rglob("*.html")
        if "viewer_app" not in file.parts
    }
    assert {path: length for path, length in lengths.items() if length > VIEWER_FILE_LINES} == {}
