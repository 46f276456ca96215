"""The use cases of booking: find, hold, book, reschedule, cancel, record, confirm; one file each."""
