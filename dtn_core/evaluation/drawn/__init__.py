"""What c draws, measured beyond what any picture can be: its parameters say exactly what an avatar shows, and its
probabilities how sure it was.

`measure` puts together what the other files measure: answers (`right`), people (`people`), light (`light`), likeness
(`likeness`), cleanliness beside avatars of the same attributes (`matched`).
"""
