"""PostgreSQL: engine, migrations, statements by name, one module per group of tables."""
