def load(names, target):
    return f"loaded {', '.join(names)} into the {target}"
