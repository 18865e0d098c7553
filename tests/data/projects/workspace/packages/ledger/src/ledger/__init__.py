def book(text):
    return f"booked {text}"
