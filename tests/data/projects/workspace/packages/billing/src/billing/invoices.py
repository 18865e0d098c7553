from ledger.accounts import ACCOUNT


def invoice(amount):
    return f"{amount} € for {ACCOUNT}"
