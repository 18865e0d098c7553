import os

HERE = os.getpid()


def square(number):
    from mathematics.checks import check_number

    return check_number(number) ** 2
