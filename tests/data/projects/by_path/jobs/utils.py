from .numbers import DAYS


def week(day):
    return day // DAYS + 1
