import pickle
from dataclasses import dataclass

from counting import Counter

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@dataclass
class Result:
    counted: Counter
    words: int


@flow
def tally(text: str = "a b a"):
    result = Result(Counter(), 0)
    for word in text.split():
        result.counted.add(word)
        result.words += 1
    again = pickle.loads(pickle.dumps(result))
    assert again == result and again is not result
    line = f"{again.words} words, {again.counted.most()} is the commonest"
    get_run_logger().info(line)
    return line
