"""Where state lives: tables, engines, transactions, wake-ups, and plain reads and writes by noun."""
