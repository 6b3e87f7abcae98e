"""Read stored data: book, sql, report, dash."""
