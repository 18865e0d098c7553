def check_number(number):
    assert isinstance(number, int)
    return number
