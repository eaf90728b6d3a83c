"""Foreign texts made safe: no secret of ours in them, one short line."""

#: Characters of a foreign text that are kept.
EXCERPT_CHARACTERS = 300


def tidy(text: str, *, secret: str, most: int = EXCERPT_CHARACTERS) -> str:
    """Return a foreign text as one short line that is safe to print and holds no secret."""
    # Hidden before it is cut: half a key is a secret too.
    printable = "".join(
        character if character.isprintable() else " " for character in hidden(text, secret)
    )
    return " ".join(printable.split())[:most]


def hidden(text: str, secret: str) -> str:
    """Return a text without a secret in it."""
    return text.replace(secret, "<hidden>") if secret else text
