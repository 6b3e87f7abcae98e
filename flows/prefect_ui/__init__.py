"""
What a person sees in the Prefect UI beyond runs: pages (artifacts), news (events), and what reacts to them.

    watch    two looks at the feed → what changed          pure
    news     changes → few events, grouped in a storm      pure
    charts   numbers → sparklines and small SVG            pure
    pages    rows → markdown                               pure
    shelf    one artifact a page, updated in place
    teller   the stream's job: look, tell, refresh; never in the feed's way
    alerts   automations in code
"""
