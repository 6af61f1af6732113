"""Pages for people: the directory of all feeds, a page for each, older posts, the link check.

In: values that say what a page shows (:mod:`feeds.pages.views`). Out: HTML that needs no
script, no font and no address but those of its own site. The folder and the server get theirs
from the same templates. Jinja2 is loaded when the first page is rendered.
"""
