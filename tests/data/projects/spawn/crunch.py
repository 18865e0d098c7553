from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from mathematics.powers import square

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


def half(number):
    return number / 2


@flow
def crunch(numbers: list = [2, 4]):
    spawned = get_context("spawn")
    with spawned.Pool(1) as pool:
        squares = pool.map(square, numbers)
    with ProcessPoolExecutor(1, mp_context=spawned) as executor:
        halves = list(executor.map(half, squares))
    line = f"halves of squares: {halves}"
    get_run_logger().info(line)
    return line
