"""Parts that several tabs share: pictures as data URLs, HTML, the catalogue of styles, archives, the theme.

May import: as `ui`. Start reading: `pictures`, `html`.
"""
