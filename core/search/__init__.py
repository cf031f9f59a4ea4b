"""Finding tools by what they do. Pure, apart from the thread the work is done in."""
