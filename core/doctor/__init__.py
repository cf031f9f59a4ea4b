"""The doctor: what is wrong, why and what to do, and a report of it that holds no secret."""
