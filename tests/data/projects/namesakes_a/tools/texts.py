def shout(text):
    return f"a: {text.upper()}!"
