TARGET = "warehouse"
