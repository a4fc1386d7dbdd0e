# Accounts as `export` writes them, and as docs/moving.md describes them: a line
# of JSON each, or a CSV file whose columns have the names of the fields.
.
