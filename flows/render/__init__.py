"""Words, tables, HTML and SVG that any page is made of."""
