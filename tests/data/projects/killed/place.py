from os.path import dirname

HERE = dirname(__file__)
