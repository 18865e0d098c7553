ACCOUNT = "account 42"
