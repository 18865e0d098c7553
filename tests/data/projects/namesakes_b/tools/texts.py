def shout(text):
    return f"b: {text.upper()}!"
