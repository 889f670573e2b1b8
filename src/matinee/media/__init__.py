"""Media: uploads, packaging to encrypted HLS, content keys, posters, and the demo's films."""
