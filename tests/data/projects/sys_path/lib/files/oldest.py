def oldest(ages):
    return max(ages)
